"""How calls fail, are lost, or come late."""

from collections.abc import Iterator
from functools import partial

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Drop, deliver
from tests.simulation.machines import kill_im, kill_vmm, restart_front_end
from tests.simulation.plan import EFFECTS, ELECTIONS, INSTANTIATE, LOCAL_METHODS, METHODS, Event
from tests.simulation.users import create
from tests.simulation.world import World


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

    Perhaps the next calls are lost too. The administrator tries again soon.
    """
    rules = world.choose_remote(event.first).cloud.faults
    world.scheduler.after(1 + 60 * event.first, partial(_retry_boots, world))
    create(world, event)
    if event.second > 0.7:
        rules.on(faults.delay((1 + event.third) * world.setting.timeout), INSTANTIATE)
        return
    rules.on(faults.drop_after if event.second < 0.4 else faults.reset, INSTANTIATE)
    if event.third < 0.7:
        rules.on(faults.drop_before, "one.vmpool.*", times=1 + int(10 * event.third))


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

    world.scheduler.after(1 + 20 * event.third, end)


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
