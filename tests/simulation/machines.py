"""What happens to machines: a process dies, a clock is set, a database is restored."""

from functools import partial

from tests.simulation import users
from tests.simulation.plan import Event
from tests.simulation.remote_site import RemoteSite
from tests.simulation.side import Side
from tests.simulation.world import World

_RESTORE_S = 20.0
"""How long a cloud is down while its database is restored."""


def restart_remote(world: World, event: Event) -> None:
    remote = world.choose_remote(event.first)
    remote.down()
    world.later(120 * event.second**2, remote.up)


def restart_front_end(world: World, event: Event) -> None:
    site = world.choose_side(event.first).site
    site.down()
    world.later(60 * event.second**2, site.up)


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
    world.later(20 * event.second, partial(world.tell_hosts_password, remote))


def take_snapshot(world: World, event: Event) -> None:
    """Save the database of a front-end, or of a remote."""
    if event.second < 0.5:
        side = world.choose_side(event.first)
        if len(side.hybrid_ids) == len(side.remotes):
            world.snapshots[side.site.name] = side.site.snapshot()
        return
    remote = world.choose_remote(event.first)
    world.snapshots[remote.name] = remote.snapshot()


def restore(world: World, event: Event) -> None:
    """Put back what was saved: all that was done since is forgotten there, and ids come again."""
    if event.second < 0.5:
        _restore_front_end(world, world.choose_side(event.first))
    else:
        _restore_remote(world, world.choose_remote(event.first))
    world.later(_RESTORE_S + 2, partial(_use_ids_again, world, event))


def _restore_front_end(world: World, side: Side) -> None:
    put_back = world.snapshots.get(side.site.name)
    if put_back is None or not side.site.is_up:
        return
    world.note(f"{side.site.name}: its database is restored")
    side.site.down()
    put_back()
    _excuse_all(side)
    for remote in world.remotes:
        world.tell_hosts_password(remote)
    world.later(_RESTORE_S, side.site.up)


def _restore_remote(world: World, remote: RemoteSite) -> None:
    put_back = world.snapshots.get(remote.name)
    if put_back is None or not remote.is_up:
        return
    world.note(f"{remote.name}: its database is restored")
    remote.down()
    put_back()
    for side in world.sides:
        _excuse_all(side)
    world.strangers = {
        (name, vm_id): state
        for (name, vm_id), state in world.strangers.items()
        if name != remote.name
    }
    world.later(_RESTORE_S, remote.up)


def _excuse_all(side: Side) -> None:
    """Note that VMs may have lost their other side by what an administrator did."""
    for vm in side.site.vms:
        side.ended.add((vm.id, vm.stime))


def _use_ids_again(world: World, event: Event) -> None:
    """Have users make VMs, which may get the ids of others, and then act on all of them."""
    for side in world.sides:
        users.create(world, event, side)
    world.later(10.0 + 20.0 * event.third, partial(users.act_on_all, world, event))
