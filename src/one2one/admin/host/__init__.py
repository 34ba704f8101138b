"""Hybrid hosts: creating, listing, showing."""
