"""What users attach and detach, and how that is lost."""

from collections.abc import Iterator
from functools import partial

from one2one.opennebula.states import RUNNING
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Delivery
from tests.simulation.attachments import ATTACHING, NUMBERS, list_numbers
from tests.simulation.plan import Event
from tests.simulation.side import Side
from tests.simulation.users import choose_vm
from tests.simulation.world import World


def attach(world: World, event: Event) -> None:
    if found := choose_vm(world, event, lambda vm: vm.state == RUNNING):
        attach_to(world, *found, "DISK" if event.second < 0.5 else "NIC")


def detach(world: World, event: Event) -> None:
    found = choose_vm(world, event, lambda vm: vm.state == RUNNING and any(_list_all(vm)))
    if found is None:
        return
    side, vm = found
    devices = list(_list_all(vm))
    kind, number = devices[int(event.second * len(devices))]
    world.note(f"{side.site.name} user: detach {kind} {number} of VM {vm.id}")
    handle = side.site.vm(vm.id)
    (handle.detach_disk if kind == "DISK" else handle.detach_nic)(number)


def lose_attachment(world: World, event: Event) -> None:
    """Lose or damage the answer to an attachment, and perhaps the readings after that."""
    effects = (faults.drop_after, faults.reset, faults.truncate, faults.answer_garbage())
    effect, unread = effects[int(4 * event.third)], int(8 * event.third) % 3
    for remote in world.remotes:
        rules = remote.cloud.faults
        for method in ATTACHING:
            rules.on(partial(_lose, rules, effect, unread), method)
    attach(world, event)


def _lose(
    rules: faults.Faults, effect: Delivery, unread: int, request: ApiRequest
) -> Iterator[bytes]:
    if unread:
        rules.on(faults.drop_before, "one.vm.info", times=unread)
    yield from effect(request)


def attach_to(world: World, side: Side, vm: Vm, kind: str) -> None:
    """Attach one more device to a local VM."""
    world.note(f"{side.site.name} user: attach a {kind} to VM {vm.id}")
    handle = side.site.vm(vm.id)
    if kind == "DISK":
        handle.attach_disk(TYPE="fs", FORMAT="raw", SIZE="10")
    else:
        handle.attach_nic(NETWORK_ID="0")


def _list_all(vm: Vm) -> Iterator[tuple[str, int]]:
    for kind in NUMBERS:
        yield from ((kind, number) for number in sorted(list_numbers(vm, kind)))
