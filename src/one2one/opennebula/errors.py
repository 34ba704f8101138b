"""The errors of a cloud, by what the caller must do next.

    OneError
    ├── ConfigurationError   an administrator must change something first
    │   └── AuthenticationError    … the user or password (credentials may have been rotated)
    ├── Refused              the cloud understood and said no
    │   ├── NotFound               … the object does not exist
    │   ├── NotAuthorized          … the account lacks a right, or a quota is used up
    │   └── WrongState             … the VM is not in a state for it, now
    ├── Busy                 ask again later: the cloud elects a leader, or has too much to do
    ├── Unreachable          ask again: no answer
    ├── ProtocolError        a bug, ours or theirs: the answer is not OpenNebula's
    │   ├── MethodNotFound         … an older OpenNebula without this call
    │   └── NotSendable            … an object that the cloud cannot send: read others without it
    └── InternalError        a bug of ours: an exception that nothing else catches

``sent`` says whether the call may have had its effect: it was sent, and the answer does not deny
it.

Every error is one line with the call, the cloud, the cause and the remedy. No error contains a
session string.
"""

from one2one.opennebula.clean import clean_line, hide


class OneError(Exception):
    """A call that did not succeed.

    ``cause`` is the text of the cloud (or of the system), as one clean line.
    """

    remedy = ""

    def __init__(
        self,
        cause: str,
        *,
        call: str = "",
        endpoint: str = "",
        remedy: str | None = None,
        sent: bool = False,
    ) -> None:
        self.cause = clean_line(cause)
        self._uncut = cause
        self.sent = sent
        self.call = call
        self.endpoint = endpoint
        if remedy is not None:
            self.remedy = remedy
        super().__init__(self.cause)

    def hide(self, secret: str) -> None:
        """Hide *secret* in the cause, which may quote another cloud."""
        self.cause = self._uncut = clean_line(hide(self._uncut, secret))

    def __str__(self) -> str:
        """Return ``<call> at <endpoint>: <cause>. <remedy>``, without the unknown parts."""
        where = " at ".join(part for part in (self.call, self.endpoint) if part)
        text = f"{where}: {self.cause}" if where else self.cause
        return f"{text.rstrip('.')}. {self.remedy}" if self.remedy else text


class ConfigurationError(OneError):
    """Raised when an administrator must change a setting: a repetition cannot help."""


class AuthenticationError(ConfigurationError):
    """Raised for code 256: the cloud does not accept the user, password or token."""

    remedy = "Check the user and password (or whether the token has expired)"


class Refused(OneError):
    """Raised when the cloud understood the call and refused it; nothing was changed."""


class NotFound(Refused):
    """Raised for code 1024: no object has this id (a VM that was purged, a wrong TEMPLATE_ID)."""


class NotAuthorized(Refused):
    """Raised for code 512: a missing right, a restricted attribute, or a quota that is used up."""


class WrongState(Refused):
    """Raised for code 2048: the action is not available in the VM's present state."""


class Busy(OneError):
    """Raised when the same call may succeed later: no leader, or overload."""

    remedy = "Try again later"


class Unreachable(OneError):
    """Raised when there was no complete answer."""

    remedy = "Check that the cloud runs and that this machine reaches it"


class StaleConnection(Unreachable):
    """Raised when a kept connection was closed, or has something else in it than an answer.

    Most likely the cloud did not see the call.
    """


class ProtocolError(OneError):
    """Raised for an answer that is not OpenNebula's: garbage, truncated, too long, a fault."""

    remedy = "Check that the endpoint is an OpenNebula's XML-RPC (…/RPC2)"


class MethodNotFound(ProtocolError):
    """Raised for fault −506, or UNIMPLEMENTED by gRPC: this OpenNebula has no such call."""

    remedy = "This OpenNebula is too old for it"


class TooLong(ProtocolError):
    """Raised for an answer that is longer than we hold in memory."""


class NotSendable(ProtocolError):
    """Raised when an object in the answer has a character that XML-RPC cannot carry.

    The reader of a pool gets the other objects by smaller calls.
    """

    remedy = "Replace such characters, emoji for example, in the name and attributes there"


class InternalError(OneError):
    """Raised in place of an exception that is a bug of ours: see ``to_one_error``."""

    remedy = "Report it"


def to_one_error(error: Exception) -> OneError:
    """Return *error* if it is a OneError, else an InternalError with its text."""
    if isinstance(error, OneError):
        return error
    return InternalError(f"internal error ({type(error).__name__}: {error})")
