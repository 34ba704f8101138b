"""What happens to machines: a process dies, a clock is set, a database is restored."""

from functools import partial

from tests.simulation.plan import Event
from tests.simulation.world import World


def restart_remote(world: World, event: Event) -> None:
    remote = world.choose_remote(event.first)
    remote.down()
    world.scheduler.after(120 * event.second**2, remote.up)


def restart_front_end(world: World, event: Event) -> None:
    site = world.choose_side(event.first).site
    site.down()
    world.scheduler.after(60 * event.second**2, site.up)


def kill_vmm(world: World, event: Event) -> None:
    site = world.choose_side(event.first).site
    if site.is_up:
        site.vmm.crash()


def kill_im(world: World, event: Event) -> None:
    site = world.choose_side(event.first).site
    if site.is_up:
        site.im.crash()


def set_clock(world: World, event: Event) -> None:
    clocks = [cloud.clock for cloud in world.remotes] + [side.site.clock for side in world.sides]
    seconds = event.choose(("-1800", "-30", "30", "1800"), event.second)
    clocks[int(event.first * len(clocks))].jump(float(seconds))


def change_password(world: World, event: Event) -> None:
    """Change a password at the remote, and a moment later what the hosts have."""
    remote = world.choose_remote(event.first)
    world.passwords[remote.name] += 1
    remote.cloud.owner.password = f"password{world.passwords[remote.name]}"
    world.scheduler.after(20 * event.second, partial(world.tell_hosts_password, remote))


def take_snapshot(world: World, event: Event) -> None:
    side = world.choose_side(event.first)
    side.learn_hybrid_ids()
    if len(side.hybrid_ids) == len(side.remotes):
        world.snapshots[side.site.name] = side.site.snapshot()


def restore(world: World, event: Event) -> None:
    side = world.choose_side(event.first)
    snapshot = world.snapshots.get(side.site.name)
    if snapshot is None or not side.site.is_up:
        return
    world.note(f"{side.site.name}: its database is restored")
    side.site.down()
    side.site.restore(snapshot)
    for vm in side.site.vms:
        side.ended.add((vm.id, vm.stime))
    for remote in world.remotes:
        world.tell_hosts_password(remote)
    world.scheduler.after(5.0, side.site.up)
