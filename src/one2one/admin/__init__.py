"""The administrator's command, ``one2one``."""
