"""A CONTEXT that cannot be passed on keeps no VM from starting, and is told once."""

from one2one.driver.following import follow
from tests.driver.scripted import NOT_FOUND, refuse
from tests.driver.world import HOST_ID, World, finish


def test_a_refusal_is_told_once_however_often_the_vm_is_looked_at(world: World) -> None:
    world.local.hosts[HOST_ID]["ONE_PASS_THROUGH"] = "RESIZE, UPDATECONF"
    world.add_both(remote_state="POWEROFF").template["CONTEXT"] = {"GREETING": "old"}
    world.local.vms[7].template["CONTEXT"] = {"GREETING": "new"}
    world.remote.script("template.info", *[refuse(NOT_FOUND)] * 9)
    assert finish(follow(world.open_job("DEPLOY", "BOOT_POWEROFF"))) == ""
    told = [line for line in world.log if "CONTEXT is not passed on" in line]
    assert len(told) == 1
