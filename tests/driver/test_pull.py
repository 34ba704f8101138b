"""Up to 5.10 oned asks for a host, and gets all in one answer."""

import pytest

from one2one.driver.monitor import HostMonitor
from one2one.hybrid.outage import GRACE_S
from one2one.mad.pull import answer_pull
from one2one.opennebula.errors import OneError, Unreachable
from tests.driver.scripted import BORN
from tests.driver.world import HOST_ID, World


def test_a_remote_that_does_not_answer_is_asked_for_the_whole_grace(world: World) -> None:
    world.remote.is_down = True
    monitor = HostMonitor(HOST_ID, world.cloud, world.remotes)
    began, failures = world.now, list[OneError]()
    with pytest.raises(Unreachable):
        answer_pull(monitor, failures.append, world.log.append, world.wait)
    assert world.now - began >= GRACE_S
    assert len(failures) == 3


def test_a_suspended_vm_that_runs_again_is_resumed(world: World) -> None:
    world.add_both(state="SUSPENDED")
    world.local.vms[7].retime = int(BORN + world.now - 600)
    monitor, log = HostMonitor(HOST_ID, world.cloud, world.remotes), list[str]()
    for _ in range(2):
        text = answer_pull(monitor, lambda _: None, log.append, world.wait)
        world.wait(60)
    assert world.local.actions == ["resume 7"]
    assert log == ["VM 7 is SUSPENDED and runs at the remote: oned is asked to resume it"]
    assert 'POLL = "STATE=- ' in text, "else oned has it RUNNING before RESTORE is answered"
