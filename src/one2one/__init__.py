"""one2one: run virtual machines of one OpenNebula cloud in another."""

__version__ = "0.1.0"
