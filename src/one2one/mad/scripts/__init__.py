"""The executables that OpenNebula's stock shells run for each action and probe."""
