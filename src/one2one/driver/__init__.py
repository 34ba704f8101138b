"""What a driver does: an operation on a VM, a monitoring round of a host."""
