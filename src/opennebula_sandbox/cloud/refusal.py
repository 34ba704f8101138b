"""The errors that oned answers: a code and a text."""

from enum import IntEnum


class ErrorCode(IntEnum):
    """OpenNebula's ErrorCode."""

    AUTHENTICATION = 0x0100
    AUTHORIZATION = 0x0200
    NO_EXISTS = 0x0400
    ACTION = 0x0800
    XML_RPC_API = 0x1000
    INTERNAL = 0x2000
    ALLOCATE = 0x4000


class Refusal(Exception):
    """An error that oned answers; the server writes the call's name before *text*."""

    def __init__(self, code: ErrorCode, text: str, object_id: int = -1) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.object_id = object_id


def not_authorized_error(user_id: int, reason: str) -> Refusal:
    """Return the refusal because of *reason*: a right, a restricted attribute or a quota."""
    return Refusal(ErrorCode.AUTHORIZATION, f"User [{user_id}] : {reason}.")


def no_such_error(kind: str, object_id: int) -> Refusal:
    """Return the refusal of an id that does not exist."""
    return Refusal(ErrorCode.NO_EXISTS, f"Error getting {kind} [{object_id}].", object_id)


def not_allocated_error(reason: str) -> Refusal:
    """Return the refusal to create a VM from a template."""
    return Refusal(ErrorCode.ALLOCATE, f"Error allocating a new virtual machine template. {reason}")
