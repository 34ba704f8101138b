"""Rounds that read only what changed say the same as rounds that read everything."""

from dataclasses import replace
from random import Random

import pytest

from one2one.driver.monitor import HostMonitor
from one2one.driver.round import Round, VmUsage
from one2one.hybrid.naming import format_deploy_id
from one2one.opennebula.errors import OneError
from tests.driver.world import HOST_ID, MARKS, World

STATES = ["RUNNING"] * 6 + ["UNKNOWN", "POWEROFF", "SUSPENDED", "SHUTDOWN_POWEROFF", "BOOT", "DONE"]
NAMES = ["web", "</VM>", "<VM>", "]]>", "&lt;/VM&gt;", "é"]


def change(world: World, chance: Random) -> None:
    """Change something that a round reads, or may read."""
    vm_id = chance.randrange(7, 12)
    there = vm_id + chance.choice([2, 2, 2, 3])
    match chance.randrange(8):
        case 0 | 1:
            world.add_local(vm_id, chance.choice(STATES), deploy_id=format_deploy_id(there))
        case 2 | 3:
            marks = chance.choice([MARKS, None, replace(MARKS, vm_id=vm_id)])
            world.add_remote(there, chance.choice(STATES), marks)
        case 4:
            world.remote.vms.pop(there, None)
        case 5:
            for vm in world.remote.vms.values():
                vm.monitoring = {"CPU": str(chance.randrange(3)), "TIMESTAMP": "1700000000"}
        case 6 if world.local.vms:
            vm = chance.choice([*world.local.vms.values()])
            vm.state, vm.hosts = chance.choice(STATES), [(chance.choice([HOST_ID, 99]), "burst")]
        case _ if world.remote.vms:
            vm = chance.choice([*world.remote.vms.values()])
            vm.state, vm.name = chance.choice(STATES), chance.choice(NAMES)


def look(monitor: HostMonitor) -> tuple[Round, list[str], list[VmUsage]] | str:
    try:
        last = monitor.read_states()
        denied = [str(refusal) for refusal in last.denied]
        return replace(last, denied=()), denied, monitor.read_usages(last)
    except OneError as error:
        return str(error)


@pytest.mark.parametrize("seed", range(15))
def test_what_is_remembered_changes_nothing(world: World, seed: int) -> None:
    chance = Random(seed)
    world.add_both()
    monitors = [
        HostMonitor(HOST_ID, world.cloud, world.remotes, remember=remember)
        for remember in (True, False)
    ]
    for _ in range(40):
        for _ in range(chance.randrange(3)):
            change(world, chance)
        if chance.random() < 0.2:
            for monitor in monitors:
                monitor.refresh()
        remembering, plain = map(look, monitors)
        assert remembering == plain
        world.wait(5)
