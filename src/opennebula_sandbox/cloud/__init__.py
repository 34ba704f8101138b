"""The simulated cloud: it answers as recorded OpenNebula clouds do."""
