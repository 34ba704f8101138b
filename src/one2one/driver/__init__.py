"""Acting: one operation on one VM, one look at one host."""
