"""The arguments of a call, and the errors of xmlrpc-c about them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opennebula_sandbox.cloud.wire.xmlrpc import Fault, Value

_TYPE = -501
_NAMES = {int: "integer", str: "a string", bool: "boolean"}


@dataclass(frozen=True)
class Method:
    """A call: its function gets the oned, the User, and the arguments after the session."""

    run: Callable[..., Value]
    required: tuple[type[int | str | bool], ...] = ()
    optional: tuple[type[int | str | bool], ...] = ()

    def check_arguments(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Check the types of *arguments* and return them, without the ones that are too many.

        Raises Fault with the text of xmlrpc-c.
        """
        if len(arguments) < len(self.required):
            raise Fault(_TYPE, "Not enough parameters")
        wanted = (*self.required, *self.optional)
        for kind, argument in zip(wanted, arguments, strict=False):
            if type(argument) is not kind:
                raise Fault(_TYPE, f"Parameter that is supposed to be {_NAMES[kind]} is not")
        return arguments[: len(wanted)]
