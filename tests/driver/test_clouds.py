"""The clouds are opened when they are first needed, and once."""

import pytest

from one2one.driver.clouds import Clouds
from one2one.driver.events import Event, RemoteOpened
from one2one.opennebula.errors import ConfigurationError
from tests.driver.world import HOST, HOST_ID, World


def test_init_can_be_answered_before_there_are_credentials(world: World) -> None:
    credentials = world.directory / "one_auth"
    credentials.unlink()
    clouds = Clouds()
    with pytest.raises(ConfigurationError, match="no credentials of oneadmin"):
        _ = clouds.local
    credentials.write_text("oneadmin:opennebula")
    assert clouds.local.get_version() == (6, 10)


def test_all_share_the_same_clouds(world: World) -> None:
    events: list[Event] = []
    clouds = Clouds(events.append)
    assert clouds.local is clouds.local
    assert clouds.remotes is clouds.remotes
    clouds.remotes.open_for_host(HOST_ID, HOST)
    assert [type(event) for event in events] == [RemoteOpened]
    assert world.local.count("host.info") == 1, "the remotes read their hosts there"
