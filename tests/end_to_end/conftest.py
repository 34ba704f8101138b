"""Every test here is searched for passwords that came to light."""

from seen import seen

__all__ = ["seen"]
