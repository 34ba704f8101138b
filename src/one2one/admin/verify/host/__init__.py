"""Tries out a hybrid host, through the local cloud as its users go."""
