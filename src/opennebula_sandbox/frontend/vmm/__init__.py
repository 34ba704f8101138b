"""What oned and a VMM driver say to each other, and the stock shell for scripts."""
