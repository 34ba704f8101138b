"""The messages between oned and a VMM driver, and the stock shell for scripts."""
