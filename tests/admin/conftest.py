"""A simulated front-end and remote cloud, for the tests of every command."""

from collections.abc import Iterator

import pytest

from tests.admin.clouds import GENERATIONS, Clouds, open_clouds


@pytest.fixture(params=GENERATIONS)
def clouds(request: pytest.FixtureRequest) -> Iterator[Clouds]:
    """Both sides in each generation."""
    with open_clouds(request.param) as both:
        yield both


@pytest.fixture
def newest() -> Iterator[Clouds]:
    """Both sides in the newest generation alone, for what does not depend on it."""
    with open_clouds() as both:
        yield both
