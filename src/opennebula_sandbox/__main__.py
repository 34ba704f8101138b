"""``python -m opennebula_sandbox``."""

from opennebula_sandbox.command import sandbox

sandbox()
