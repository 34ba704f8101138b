"""What all tests share."""

from hypothesis import HealthCheck, settings

from seen import seen

__all__ = ["seen"]

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
