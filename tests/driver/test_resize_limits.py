"""A resize keeps to the limits of the remote template, as a creation with the local size does."""

from collections.abc import Callable

import pytest

from one2one.driver.following import follow
from one2one.driver.operation import Steps
from one2one.driver.resizing import OPERATIONS
from one2one.opennebula.errors import Refused
from one2one.opennebula.template import Value
from tests.driver.scripted import NOT_FOUND, Answer, refuse
from tests.driver.world import HOST_ID, World, finish

LIMITS: list[tuple[str, Value, str]] = [
    ("USER_INPUTS", {"MEMORY": "M|range||64..256|128"}, r"allows: 64\.\.256"),
    (
        "USER_INPUTS",
        {"MEMORY": "M|range||64..|128"},
        r"allows: a range that cannot be read \(64\.\.\)",
    ),
    ("SUNSTONE", {"CAPACITY_SELECT": "NO"}, "allows: its own size alone"),
    ("MEMORY_MAX", "256 ", "allows: MEMORY_MAX 256"),
]


Begin = Callable[[World], Steps]


def add_vm(world: World, state: str) -> None:
    """Give both sides a VM, the local one of which is to have 512 MB."""
    world.local.hosts[HOST_ID]["ONE_PASS_THROUGH"] = "RESIZE"
    world.add_both(remote_state=state).template |= {
        "CPU": "0.5",
        "MEMORY": "128",
        "TEMPLATE_ID": "0",
    }
    before: Value = {"CPU": "0.5", "MEMORY": "128"}
    world.local.vms[7].template |= {"MEMORY": "512", "RESIZE": before}

    def happen(_carry_out: object) -> Answer:
        world.remote.vms[9].template["MEMORY"] = "512"
        return 9

    world.remote.script("vm.resize", happen)


def begin_running(world: World) -> Steps:
    add_vm(world, "RUNNING")
    return OPERATIONS["RESIZE"](world.open_job("RESIZE", "HOTPLUG_RESIZE"))


def begin_off(world: World) -> Steps:
    add_vm(world, "POWEROFF")
    world.remote.vms[9].user_template["ONE_LOCAL_SIZE"] = {"CPU": "0.5", "MEMORY": "128"}
    return follow(world.open_job("DEPLOY", "BOOT_POWEROFF"))


@pytest.mark.parametrize("begin", [begin_running, begin_off])
@pytest.mark.parametrize(("name", "value", "words"), LIMITS)
def test_what_the_template_does_not_allow_is_refused_before_anything_is_asked(
    world: World, begin: Begin, name: str, value: Value, words: str
) -> None:
    world.remote.templates[0][name] = value
    steps = begin(world)
    with pytest.raises(Refused, match=f"MEMORY 512 is not what remote template 0 {words}"):
        finish(steps)
    assert world.remote.count("vm.resize") == world.remote.count("vm.update") == 0


@pytest.mark.parametrize("begin", [begin_running, begin_off])
def test_a_template_that_is_gone_limits_nothing(world: World, begin: Begin) -> None:
    world.remote.script("template.info", refuse(NOT_FOUND))
    assert finish(begin(world)) == ""
    assert world.remote.count("vm.resize") == 1


def test_the_template_is_read_once(world: World) -> None:
    assert finish(begin_running(world)) == ""
    assert world.remote.count("template.info") == 1
