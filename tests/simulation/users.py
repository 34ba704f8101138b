"""What users and administrators of both sides do."""

from collections.abc import Callable

from one2one.opennebula.states import VmState
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.frontend.oned.operations import OPERATIONS
from tests.simulation.plan import ACTIONS, GUESTS, RECOVERIES, REMOTE_ACTIONS, Event
from tests.simulation.side import Side
from tests.simulation.world import World

_MOST_VMS = 8


def create(world: World, event: Event, side: Side | None = None) -> None:
    side = side or world.choose_side(event.first)
    living = [vm for vm in side.site.vms if vm.state.state != VmState.DONE]
    if not side.site.is_up or len(living) >= _MOST_VMS:
        return
    for _ in range(1 + int(3 * event.third**2)):
        vm = side.site.add_vm(0)
        deploy_on(side, vm.id, event.second)


def deploy(world: World, event: Event) -> None:
    if found := choose_vm(world, event, lambda vm: vm.state.state == VmState.PENDING):
        deploy_on(found[0], found[1].id, event.second)


def act(world: World, event: Event) -> None:
    found = choose_vm(world, event, lambda vm: any(vm.state in OPERATIONS[a] for a in ACTIONS))
    if found is None:
        return
    act_on(world, event, *found)


def act_on_all(world: World, event: Event) -> None:
    """Do to each VM what the event's number means for its state."""
    for side in world.sides:
        for vm in side.site.vms if side.site.is_up else ():
            act_on(world, event, side, vm)


def act_on(world: World, event: Event, side: Side, vm: Vm) -> None:
    possible = [action for action in ACTIONS if vm.state in OPERATIONS[action]]
    if not possible:
        return
    action = event.choose(possible, event.second)
    if action.startswith("terminate"):
        side.ended.add((vm.id, vm.stime))
    world.note(f"{side.site.name} user: {action} VM {vm.id}")
    side.site.vm(vm.id).act(action)


def recover(world: World, event: Event) -> None:
    if found := choose_vm(world, event, lambda _: True):
        side, vm = found
        way = event.choose(RECOVERIES, event.second)
        if str(vm.state).endswith("FAILURE") and event.third < 0.6:
            way = "retry"
        world.note(f"{side.site.name} admin: recover --{way} VM {vm.id}")
        if way in ("delete", "recreate", "success"):
            side.ended.add((vm.id, vm.stime))
        side.site.vm(vm.id).recover(way)


def act_at_the_remote(world: World, event: Event) -> None:
    remote = world.choose_remote(event.first)
    vms = [vm for vm in remote.cloud.vms if vm.state.state != VmState.DONE]
    if not vms:
        return
    vm = vms[int(event.second * len(vms))]
    action = event.choose(REMOTE_ACTIONS, event.third)
    world.note(f"{remote.name} user: {action} VM {vm.id}")
    remote.cloud.act(vm.id, action)
    world.strangers.pop((remote.name, vm.id), None)


def make_stranger(world: World, event: Event) -> None:
    remote = world.choose_remote(event.first)
    names = ("mine", "remote-opennebula-0", "remote-opennebula-1")
    vm = remote.cloud.instantiate(0, event.choose(names, event.second), 'SANDBOX_FAILS = ""')
    world.strangers[remote.name, vm.id] = "RUNNING"


def change_guest(world: World, event: Event) -> None:
    remote = world.choose_remote(event.first)
    vms = [vm for vm in remote.cloud.vms if (remote.name, vm.id) not in world.strangers]
    if vms:
        name, _, value = event.choose(GUESTS, event.third).partition("=")
        vm = vms[int(event.second * len(vms))]
        remote.cloud.call("one.vm.update", vm.id, f'{name} = "{value}"', 1)


def deploy_on(side: Side, vm_id: int, number: float) -> None:
    """Put a VM on one of its front-end's hosts."""
    hosts = sorted(side.remotes)
    host = hosts[int(number * len(hosts))]
    side.site.call("one.vm.deploy", vm_id, host)


def choose_vm(world: World, event: Event, can: Callable[[Vm], bool]) -> tuple[Side, Vm] | None:
    """Return one of the VMs that are not DONE and fit, of all front-ends that are up."""
    found = [
        (side, vm)
        for side in world.sides
        if side.site.is_up
        for vm in side.site.vms
        if vm.state.state != VmState.DONE and can(vm)
    ]
    return found[int(event.first * len(found))] if found else None
