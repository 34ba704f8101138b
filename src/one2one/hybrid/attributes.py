"""The attributes of a hybrid host, in one list.

``hybrid.settings`` reads them, ``docs/configuration.md`` shows them.
"""

from dataclasses import dataclass

from one2one.hybrid.naming import HYBRID_ID
from one2one.hybrid.outage import GRACE_S
from one2one.hybrid.pass_through import KINDS

_LONGEST_S = 1_000_000
"""Eleven days: the system knows no waits of any length."""

LEASE_ACTIONS = ("POWEROFF", "UNDEPLOY", "TERMINATE")
"""What may be done to a VM whose hours are over."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a hybrid host."""

    name: str
    """``VECTOR/MEMBER`` for a member of a vector."""
    value: str
    """What to write there: a kind of value and its unit."""
    meaning: str
    default: str = ""
    """The value that counts where the attribute is absent."""
    minimum: float = 0
    maximum: float = 2.0**40
    required: bool = False


ENDPOINT = Attribute(
    "ONE_ENDPOINT",
    "URL, or several",
    "The remote's XML-RPC, such as `https://cloud.example.org:2633/RPC2`, or its "
    "[gRPC](#xml-rpc-or-grpc). An HA zone may have one for each server, with blanks between them: "
    "[see below](#a-remote-with-several-servers)",
    required=True,
)
USER = Attribute("ONE_USER", "text", "The account in the remote cloud", required=True)
PASSWORD = Attribute(
    "ONE_PASSWORD",
    "text",
    "Its password or a login token. oned keeps it encrypted",
    required=True,
)
CAPACITY_CPU = Attribute(
    "ONE_CAPACITY/CPU",
    "percent of a core",
    "The host offers no more CPU than this: 400 is four cores. 0 leaves it to the remote quotas",
    default="0",
)
CAPACITY_MEMORY = Attribute(
    "ONE_CAPACITY/MEMORY",
    "MB",
    "The host offers no more memory than this. 0 leaves it to the remote quotas",
    default="0",
)
SIZE = Attribute(
    "ONE_SIZE",
    "LOCAL or REMOTE",
    "Whose CPU, VCPU and MEMORY a new remote VM has: [the local VM's](size.md), or the remote "
    "template's. `SIZE` in PUBLIC_CLOUD counts before it",
    default="REMOTE",
)
CA_FILE = Attribute(
    "ONE_CA_FILE",
    "path",
    "Authorities (PEM) that the remote's certificate may come from, instead of the system's. "
    "oneadmin must be able to read the file",
)
VERIFY_TLS = Attribute(
    "ONE_VERIFY_TLS",
    "YES or NO",
    "NO accepts any certificate, so everyone on the way can read the password",
    default="YES",
)
PROXY = Attribute(
    "ONE_PROXY",
    "URL",
    "An HTTP proxy on the way: `http://[user:password@]host:port`",
)
TIMEOUT = Attribute(
    "ONE_TIMEOUT",
    "seconds",
    "Silence after which the remote counts as unreachable. A whole call may take four times as "
    "long; connecting no more than 10 seconds",
    default="30",
    minimum=1,
    maximum=_LONGEST_S,
)
MAX_CONNECTIONS = Attribute(
    "ONE_MAX_CONNECTIONS",
    "whole number",
    "Connections to the remote at a time, for each of the two drivers. "
    "oned takes 15 in all by default (`MAX_CONN`)",
    default="4",
    minimum=1,
    maximum=1000,
)
SHUTDOWN_TIMEOUT = Attribute(
    "ONE_SHUTDOWN_TIMEOUT",
    "seconds",
    "How long a remote VM may take to reach the state that was asked for",
    default="600",
    minimum=1,
    maximum=_LONGEST_S,
)
OUTAGE_GRACE = Attribute(
    "ONE_OUTAGE_GRACE",
    "seconds",
    "How long the remote may be unreadable, for three rounds at least, before the host is in error",
    default=f"{GRACE_S:g}",
    maximum=_LONGEST_S,
)
HYBRID = Attribute(
    HYBRID_ID,
    "text",
    "Whose VMs they are, in an account that others may use too. The first DEPLOY writes it; "
    "never change or copy it",
)

PASS_THROUGH = Attribute(
    "ONE_PASS_THROUGH",
    "list of words",
    f"Operations that are passed through to the remote VM: {', '.join(KINDS)}. All others are "
    "refused, as the Ruby driver does not have them",
)

USER_MAPPINGS = Attribute(
    "ONE_USER_MAPPINGS",
    "YES or NO",
    "YES: [`ONE_REMOTE_IMAGE` and `ONE_REMOTE_NETWORK`](pass-through.md#who-may-set-the-mappings) "
    "count on images and networks of users too, so users choose among all that the account may use",
    default="NO",
)

SSH_JUMP = Attribute(
    "ONE_SSH_JUMP",
    "`[user@]host[:port]`",
    "The machine by which [`one2one ssh`](access.md) reaches the guests, as ssh's `ProxyJump`",
)

MAX_HOURS = Attribute(
    "ONE_MAX_HOURS",
    "hours",
    "How long a VM may [run at the remote](spending.md#how-do-i-limit-the-hours-of-a-vm) in all. "
    "`MAX_HOURS` in PUBLIC_CLOUD may be less, but not more",
    minimum=0.01,
    maximum=_LONGEST_S,
)
MAX_HOURS_ACTION = Attribute(
    "ONE_MAX_HOURS_ACTION",
    "POWEROFF, UNDEPLOY or TERMINATE",
    "What is done to a VM whose hours are over",
    default=LEASE_ACTIONS[0],
)

ATTRIBUTES = (
    ENDPOINT,
    USER,
    PASSWORD,
    CAPACITY_CPU,
    CAPACITY_MEMORY,
    SIZE,
    CA_FILE,
    VERIFY_TLS,
    PROXY,
    TIMEOUT,
    MAX_CONNECTIONS,
    SHUTDOWN_TIMEOUT,
    OUTAGE_GRACE,
    HYBRID,
    PASS_THROUGH,
    USER_MAPPINGS,
    SSH_JUMP,
    MAX_HOURS,
    MAX_HOURS_ACTION,
)
