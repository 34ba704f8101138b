"""Hybrid VMs: both sides of all of them, or of one."""
