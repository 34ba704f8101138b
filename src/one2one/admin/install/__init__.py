"""Installing the drivers into a front-end, and removing them without a trace."""
