"""Checks of everything that a hybrid cloud needs; nothing is changed."""
