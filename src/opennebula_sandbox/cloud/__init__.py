"""The simulated cloud: an OpenNebula that answers like the recorded ones."""
