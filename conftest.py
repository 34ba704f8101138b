"""What all tests share."""

import pytest
from hypothesis import HealthCheck, settings

from seen import seen

__all__ = ["seen"]

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the cut points be tried on another release than in CI."""
    parser.addoption(
        "--generation", default="6.10", help="the release that is cut: 5.10, 6.10, 7.2"
    )
