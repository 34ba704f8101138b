"""The events by their names in a plan, and how one happens."""

import contextlib
from collections.abc import Callable

from opennebula_sandbox.cloud.refusal import Refusal
from tests.simulation import devices, machines, troubles, users
from tests.simulation.plan import Event
from tests.simulation.world import World

_EVENTS: dict[str, Callable[[World, Event], None]] = {
    "create": users.create,
    "act": users.act,
    "attach": devices.attach,
    "detach": devices.detach,
    "attachment is lost": devices.lose_attachment,
    "deploy": users.deploy,
    "recover": users.recover,
    "act at the remote": users.act_at_the_remote,
    "stranger": users.make_stranger,
    "guest": users.change_guest,
    "fail": troubles.fail,
    "fail locally": troubles.fail_locally,
    "instantiate is lost": troubles.lose_instantiate,
    "action is lost": troubles.lose_action,
    "is overtaken": troubles.overtake,
    "clean-up is lost": troubles.lose_cleanup,
    "dies at a call": troubles.die_at_a_call,
    "cut": troubles.cut,
    "unknown name": troubles.forget_name,
    "election": troubles.elect,
    "refuse": troubles.refuse,
    "remote restart": machines.restart_remote,
    "front-end restart": machines.restart_front_end,
    "VMM driver dies": machines.kill_vmm,
    "IM driver dies": machines.kill_im,
    "clock": machines.set_clock,
    "password": machines.change_password,
    "snapshot": machines.take_snapshot,
    "restore": machines.restore,
    "pause": lambda _world, _event: None,
}


def happen(world: World, event: Event) -> None:
    """Let an event happen now."""
    world.note(f"event: {event.what} {event.first:.3f} {event.second:.3f} {event.third:.3f}")
    with contextlib.suppress(Refusal):
        _EVENTS[event.what](world, event)
