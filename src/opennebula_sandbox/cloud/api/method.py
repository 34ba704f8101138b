"""What a call takes, and xmlrpc-c's complaints when it gets something else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opennebula_sandbox.cloud.wire.xmlrpc import Fault, Value

_TYPE = -501
_NAMES = {int: "integer", str: "a string", bool: "boolean"}


@dataclass(frozen=True)
class Method:
    """A call: its function takes an Oned, the User, and the arguments after the session."""

    run: Callable[..., Value]
    required: tuple[type[int | str | bool], ...] = ()
    optional: tuple[type[int | str | bool], ...] = ()

    def checked(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return *arguments* if they are of the right types, without superfluous ones.

        Raises Fault, with xmlrpc-c's words.
        """
        if len(arguments) < len(self.required):
            raise Fault(_TYPE, "Not enough parameters")
        wanted = (*self.required, *self.optional)
        for kind, argument in zip(wanted, arguments, strict=False):
            if type(argument) is not kind:
                raise Fault(_TYPE, f"Parameter that is supposed to be {_NAMES[kind]} is not")
        return arguments[: len(wanted)]
