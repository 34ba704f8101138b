"""What oned and monitord write to their drivers, from ``Mad.cc``'s and ``Message.h``'s description.

Right lines, odd ones, and what an answer to each has to name.
"""

import zlib
from base64 import b64encode
from dataclasses import dataclass

from tests.hostile import markup, world
from tests.hostile.chance import Chance, encode, words
from tests.hostile.markup import Tree, leaves, node

_ACTIONS = words(
    "DEPLOY RESTORE SHUTDOWN CANCEL SAVE REBOOT RESET CLEANUP POLL MIGRATE ATTACHDISK DETACHDISK "
    "RESIZEDISK ATTACHNIC DETACHNIC SNAPSHOTCREATE SNAPSHOTREVERT SNAPSHOTDELETE RESIZE UPDATECONF "
    "UPDATESG UPDATENIC EXEC"
)
_LCM_STATES = (2, 3, 5, 6, 7, 8, 9, 10, 12, 16, 18, 20, 29, 30, 36, 39, 44, 64, 65)
_WORDS = ["", "A" * 50, "\0", *words("deploy Déploy LOG EVIL_ACTION DRIVER_CANCEL - é")]
_PERIODS = words("BEACON_HOST SYSTEM_HOST MONITOR_HOST STATE_VM MONITOR_VM SYNC_STATE_VM")
_KEYS = (
    "-----BEGIN RSA PUBLIC KEY----- MEgCQQ== -----END RSA PUBLIC KEY-----",
    "-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----",
    "\x1b[2J",
)


@dataclass(frozen=True)
class Line:
    """A line for a driver, without its end."""

    data: bytes
    expected: tuple[str, int] | None = None
    """The action and the id of the one answer that must follow; None where it is not certain."""

    @property
    def text(self) -> str:
        """The line as a driver reads it."""
        return self.data.decode(errors="replace")


def vmm(chance: Chance, vm_id: int, action: str = "") -> Line:
    """Return a line as oned writes it to a VMM driver, in either dialect."""
    action = action or chance.choice(_ACTIONS)
    payload = b64encode(encode(markup.plain(_message(chance, vm_id))))
    blank = chance.choice((b" ", b"  "))
    return Line(b"%b%b%d %b" % (action.encode(), blank, vm_id, payload), (action, vm_id))


def odd_vmm(chance: Chance, vm_id: int) -> Line:
    """Return one with a fault: in its words, its base64 or its XML."""
    line = vmm(chance, vm_id)
    action, rest = line.data.split(b" ", 1)
    match chance.randrange(6):
        case 0:
            tree = markup.spoil(chance, _message(chance, vm_id))
            return Line(_format_vmm_line(action, vm_id, markup.write(chance, tree)), line.expected)
        case 1:
            document = encode(markup.plain(_message(chance, vm_id)))
            document = chance.choice(markup.FAULTS)(chance, document)
            return Line(_format_vmm_line(action, vm_id, document), line.expected)
        case 2:
            return Line(_one_line(chance.mutate(line.data)))
        case 3:
            return Line(_one_line(encode(chance.choice(_WORDS)) + b" " + rest))
        case 4:
            return Line(_one_line(b"%b  %b %b" % (action, encode(chance.number()), chance.noise())))
        case _:
            return Line(_one_line(chance.choice((chance.noise(), encode(chance.text()), b""))))


def pull(host_id: int) -> Line:
    """Return a line as oned writes it to an IM driver, up to 5.10."""
    return Line(b"MONITOR %d burst%d /var/lib/one 0" % (host_id, host_id), ("MONITOR", host_id))


def odd_pull(chance: Chance, host_id: int) -> Line:
    """Return one with a fault."""
    noise = encode(chance.choice(_WORDS)), chance.mutate(pull(host_id).data), chance.noise()
    return Line(_one_line(chance.choice(noise)))


def start_monitor(host_id: int, configuration: Tree) -> Line:
    """Return a line as monitord writes it, with a MONITOR_CONFIGURATION."""
    return Line(_format_start(host_id, encode(markup.plain(_start(host_id, configuration)))))


def odd_im(chance: Chance, host_id: int, configuration: Tree) -> Line:
    """Return a line to an IM driver with a fault in its words, packing, XML or configuration."""
    tree = _start(host_id, configuration)
    document = encode(markup.plain(tree))
    match chance.randrange(8):
        case 0 | 1 | 2:
            return Line(_format_start(host_id, markup.write(chance, markup.spoil(chance, tree))))
        case 3:
            return Line(_format_start(host_id, chance.choice(markup.FAULTS)(chance, document)))
        case 4:
            packed = chance.choice((zlib.compress(document)[:-9], document, b"\0" * 99, b""))
            return Line(b"START_MONITOR - %d 0 %b" % (host_id, b64encode(packed)))
        case 5:
            return Line(_one_line(chance.mutate(_format_start(host_id, document))))
        case 6:
            action = chance.choice(
                (b"MONITOR", b"STOPMONITOR", b"STOP_MONITOR -", b"START_MONITOR")
            )
            return Line(_one_line(action + b" " + encode(chance.number()) + b" burst 0"))
        case _:
            return Line(_one_line(chance.choice((chance.noise(), encode(chance.choice(_WORDS))))))


def good_im(_chance: Chance, host_id: int, configuration: Tree) -> Line:
    """Return ``start_monitor``."""
    return start_monitor(host_id, configuration)


def configuration(chance: Chance, port: int, *, well: bool = False) -> Tree:
    """Return a MONITOR_CONFIGURATION that leads to *port*, with a short period of each kind."""
    odd = {name: chance.choice(("0.2", "1", "", chance.number())) for name in _PERIODS}
    periods = dict.fromkeys(_PERIODS, "0.3") if well else odd
    key = "" if well or chance.hit(0.7) else chance.choice(_KEYS)
    network = leaves(ADDRESS="0.0.0.0", MONITOR_ADDRESS="127.0.0.1", PORT=port, PUBKEY=key)
    parts = node("NETWORK", network), node("PROBES_PERIOD", leaves(**periods))
    return node("MONITOR_CONFIGURATION", *parts, leaves(MANAGER_TIMER=15))


def bomb() -> Line:
    """Return a START_MONITOR of a hundred kilobytes that holds a hundred megabytes."""
    return Line(_format_start(0, b"<MONITOR_DRIVER_ACTION>" + b" " * (100 << 20)))


def _message(chance: Chance, vm_id: int) -> Tree:
    known = leaves(
        HOST=f"burst{vm_id // 10}", DEPLOY_ID=f"opennebula-hybrid-{vm_id}", TM_COMMAND=""
    )
    group = leaves(SECURITY_GROUP_ID=chance.number(), VIRTUAL_NETWORK_ID=chance.number())
    vm = world.local_vm(chance, vm_id, chance.choice(_LCM_STATES))
    return node("VMM_DRIVER_ACTION_DATA", known, group, vm)


def _start(host_id: int, configuration: Tree) -> Tree:
    host = node("HOST", leaves(ID=host_id, NAME=f"burst{host_id}", IM_MAD="one"))
    return node("MONITOR_DRIVER_ACTION", host, configuration)


def _format_start(host_id: int, document: bytes) -> bytes:
    return b"START_MONITOR - %d 0 %b" % (host_id, b64encode(zlib.compress(document)))


def _format_vmm_line(action: bytes, vm_id: int, document: bytes) -> bytes:
    return b"%b  %d %b" % (action, vm_id, b64encode(document))


def _one_line(data: bytes) -> bytes:
    return data.replace(b"\n", b" ")
