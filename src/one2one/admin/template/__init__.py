"""The remote templates that a host offers, and the local templates for them."""
