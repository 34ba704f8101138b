"""How calls fail, are lost, or come late."""

from collections.abc import Iterator
from functools import partial

from one2one.opennebula.states import VmState
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Drop, deliver
from tests.simulation.machines import kill_im, kill_vmm, restart_front_end
from tests.simulation.plan import EFFECTS, ELECTIONS, INSTANTIATE, LOCAL_METHODS, METHODS, Event
from tests.simulation.side import Side
from tests.simulation.users import act, act_on, choose_vm, create, deploy_on
from tests.simulation.world import World

_BOOTS_FAIL_S = 20.0


def fail(world: World, event: Event) -> None:
    effect = event.choose(sorted(EFFECTS), event.second)
    method = event.choose(METHODS, event.third)
    times = 1 + int(40 * event.third) % 4
    world.note(f"{world.choose_remote(event.first).name}: {times} {method} {effect}")
    world.choose_remote(event.first).cloud.faults.on(EFFECTS[effect], method, times=times)


def fail_locally(world: World, event: Event) -> None:
    effect = event.choose(sorted(EFFECTS), event.second)
    method = event.choose(LOCAL_METHODS, event.third)
    times = 1 + int(40 * event.third) % 3
    world.note(f"{world.choose_side(event.first).site.name}: {times} {method} {effect}")
    world.choose_side(event.first).site.faults.on(EFFECTS[effect], method, times=times)


def lose_instantiate(world: World, event: Event) -> None:
    """Lose the answer to an instantiate, or let it be done when its driver has given it up.

    Perhaps the next calls are lost too, or the VM does not start there. The administrator tries
    again soon.
    """
    remote = world.choose_remote(event.first)
    rules = remote.cloud.faults
    world.later(1 + 60 * event.first, partial(_retry_boots, world))
    create(world, event)
    if int(100 * event.third) % 4 == 0:
        remote.fail_boots(_BOOTS_FAIL_S)
    if event.second > 0.7:
        rules.on(faults.delay((1 + event.third) * world.setting.timeout), INSTANTIATE)
        return
    rules.on(faults.drop_after if event.second < 0.4 else faults.reset, INSTANTIATE)
    if event.third < 0.7:
        rules.on(faults.drop_before, "one.vmpool.*", times=1 + int(10 * event.third))


def lose_action(world: World, event: Event) -> None:
    """Lose the answer to what a user asks for."""
    for remote in world.remotes:
        effect = (faults.drop_after, faults.reset, faults.truncate)[int(3 * event.third)]
        remote.cloud.faults.on(effect, "one.vm.action")
    act(world, event)


def overtake(world: World, event: Event) -> None:
    """Have a VM recovered while its driver waits for an answer, so that oned cancels the action."""
    found = choose_vm(world, event, lambda vm: not vm.history or vm.state.state == VmState.ACTIVE)
    if found is None:
        return
    side, vm = found
    for remote in world.remotes:
        remote.cloud.faults.on(faults.delay(1 + 4 * event.third), "one.vm.*", times=2)
        remote.cloud.faults.on(faults.delay(1 + 4 * event.third), INSTANTIATE)
    if vm.history:
        act_on(world, event, side, vm)
    else:
        deploy_on(side, vm.id, event.second)

    def recover() -> None:
        way = event.choose(("delete", "recreate", "failure"), event.third)
        world.note(f"{side.site.name} admin: recover --{way} VM {vm.id}")
        side.ended.add((vm.id, vm.stime))
        side.site.vm(vm.id).recover(way)

    world.later(event.third, recover)


def lose_cleanup(world: World, event: Event) -> None:
    """Have a VM recreated while its remote does not answer, and soon deployed again."""
    found = choose_vm(world, event, lambda vm: bool(vm.history))
    if found is None:
        return
    side, vm = found
    times = 1 + int(4 * event.third)
    for remote in world.remotes:
        remote.cloud.faults.on(faults.drop_before, "one.vm*", times=times)
    world.note(f"{side.site.name} admin: recover --recreate VM {vm.id}")
    side.ended.add((vm.id, vm.stime))
    side.site.vm(vm.id).recover("recreate")
    world.later(5 + 60 * event.second, partial(_deploy_again, world, side, vm))


def die_at_a_call(world: World, event: Event) -> None:
    """Let a driver or oned die when a certain call arrives, before or after its effect."""
    site = world.choose_side(event.first).site
    who = (kill_vmm, kill_vmm, kill_im, restart_front_end)
    die = partial(who[int(4 * event.third)], world, event)
    method = event.choose(METHODS, event.second)
    cloud = world.choose_remote(event.first).cloud
    rules = site.faults if event.second < 0.2 else cloud.faults

    def before(request: ApiRequest) -> Iterator[bytes]:
        die()
        yield from deliver(request)

    def after(request: ApiRequest) -> Iterator[bytes]:
        request.execute()
        die()
        raise Drop

    rules.on(before if int(40 * event.third) % 2 else after, method)


def elect(world: World, event: Event) -> None:
    rules = (
        world.choose_remote(event.first).cloud
        if event.third < 0.7
        else world.choose_side(event.first).site
    ).faults
    words = event.choose(ELECTIONS, event.second)
    rule = rules.on(faults.answer_without_leader(words), times=None)

    def end() -> None:
        if rule in rules.rules:
            rules.rules.remove(rule)

    world.later(1 + 20 * event.third, end)


def refuse(world: World, event: Event) -> None:
    world.choose_remote(event.first).cloud.faults.refused_connections = 1 + int(4 * event.second)


def cut(world: World, event: Event) -> None:
    """Cut a link, in one direction or both."""
    front = world.choose_side(event.first).site.name
    remote = world.choose_remote(event.second).name
    until = world.scheduler.now + 150 * event.third**3
    way = int(30 * event.third) % 3
    if way != 0:
        world.network.cut[front, remote] = until
    if way != 1:
        world.network.cut[remote, front] = until


def forget_name(world: World, event: Event) -> None:
    remote = world.choose_remote(event.first)
    world.network.unknown[remote.name] = world.scheduler.now + 60 * event.second**2


def _retry_boots(world: World) -> None:
    for side in world.sides:
        for vm in side.site.vms if side.site.is_up else ():
            if str(vm.state) == "BOOT_FAILURE":
                world.note(f"{side.site.name} admin: recover --retry VM {vm.id}")
                side.site.vm(vm.id).recover("retry")


def _deploy_again(world: World, side: Side, vm: Vm) -> None:
    if side.site.is_up and side.site.vm(vm.id).state == "PENDING":
        world.note(f"{side.site.name} admin: deploy VM {vm.id}")
        side.site.call("one.vm.deploy", vm.id, vm.history[-1].host_id)
