"""A remote VM is offered for import only where oned would take it."""

from typing import Any

import pytest

from one2one.driver.imports import Imports
from one2one.opennebula.errors import Unreachable
from tests.driver.scripted import answer, drop
from tests.driver.world import HOST, HOST_ID, World

DEPLOY_ID = "opennebula-hybrid-9"
ELSEWHERE = [(HOST_ID + 1, "burst2")]


def add(world: World, vm_id: int, *, imported: bool = True, **values: Any) -> None:
    template = {"IMPORTED": "YES"} if imported else {}
    usual: dict[str, Any] = {"hosts": ELSEWHERE, "deploy_id": DEPLOY_ID, "template": template}
    world.add_local(vm_id, **usual | values)


def find_taken_ids(world: World, imports: Imports, *deploy_ids: str) -> dict[str, int]:
    found = imports.find_taken(deploy_ids or (DEPLOY_ID,))
    return {deploy_id: row.id for deploy_id, row in found.items()}


def test_what_another_host_has_imported_is_taken(world: World) -> None:
    add(world, 7)
    assert find_taken_ids(world, Imports(HOST_ID, world.cloud)) == {DEPLOY_ID: 7}


def test_what_this_host_has_imported_is_its_own(world: World) -> None:
    add(world, 7, hosts=[(HOST_ID, HOST)])
    assert find_taken_ids(world, Imports(HOST_ID, world.cloud)) == {}


def test_what_another_host_has_deployed_hinders_no_import(world: World) -> None:
    add(world, 7, imported=False)
    assert find_taken_ids(world, Imports(HOST_ID, world.cloud)) == {}


def test_only_the_vms_with_such_a_deploy_id_are_looked_at_and_once(world: World) -> None:
    add(world, 7)
    add(world, 8, deploy_id="opennebula-hybrid-10")
    imports = Imports(HOST_ID, world.cloud)
    for _ in range(2):
        find_taken_ids(world, imports)
    assert [c for c in world.local.calls if c.startswith("vm.info")] == ["vm.info 7 True"]


def test_where_nothing_is_offered_nothing_is_read(world: World) -> None:
    assert Imports(HOST_ID, world.cloud).find_taken([]) == {}
    assert world.local.calls == []


def test_when_the_import_has_ended_the_vm_is_offered_again(world: World) -> None:
    add(world, 7)
    imports = Imports(HOST_ID, world.cloud)
    find_taken_ids(world, imports)
    world.local.vms[7].state = "DONE"
    assert find_taken_ids(world, imports) == {}


def test_a_vm_that_goes_between_the_readings_hinders_no_import(world: World) -> None:
    add(world, 7)
    shown = world.local.vms[7].render(whole=False)
    del world.local.vms[7]
    world.local.script("vmpool.info", answer(f"<VM_POOL>{shown}</VM_POOL>"))
    assert find_taken_ids(world, Imports(HOST_ID, world.cloud)) == {}


def test_what_could_not_be_read_is_told(world: World) -> None:
    world.local.script("vmpool.info", drop)
    with pytest.raises(Unreachable):
        find_taken_ids(world, Imports(HOST_ID, world.cloud))
