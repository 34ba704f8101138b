"""A simulated OpenNebula, cloud and front-end, for trying and testing."""
