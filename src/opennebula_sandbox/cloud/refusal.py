"""How oned says no: an error code, and its own words."""

from enum import IntEnum


class Code(IntEnum):
    """OpenNebula's ErrorCode."""

    AUTHENTICATION = 0x0100
    AUTHORIZATION = 0x0200
    NO_EXISTS = 0x0400
    ACTION = 0x0800
    XML_RPC_API = 0x1000
    INTERNAL = 0x2000
    ALLOCATE = 0x4000


class Refusal(Exception):
    """An answer that begins with false; the server puts the call's name before *text*."""

    def __init__(self, code: Code, text: str, object_id: int = -1) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.object_id = object_id


def not_authorized(user_id: int, reason: str) -> Refusal:
    """Return the refusal of what *reason* names: a right, a restricted attribute, a quota."""
    return Refusal(Code.AUTHORIZATION, f"User [{user_id}] : {reason}.")


def no_such(kind: str, object_id: int) -> Refusal:
    """Return the refusal for an id that no object of this kind has."""
    return Refusal(Code.NO_EXISTS, f"Error getting {kind} [{object_id}].", object_id)


def not_allocated(reason: str) -> Refusal:
    """Return the refusal to create a VM from a template."""
    return Refusal(Code.ALLOCATE, f"Error allocating a new virtual machine template. {reason}")
