"""Tries out a remote cloud, from a simulated front-end with the real drivers."""
