"""The lines that OpenNebula and an IM driver exchange, without any I/O.

    5.6 to 5.10   oned       MONITOR <host id> <host name> <datastores> <0|1>
                  driver     MONITOR SUCCESS <host id> <base64>
    5.12 to 7.4   monitord   START_MONITOR - <host id> 0 <base64 of zlib of XML>
                  driver     START_MONITOR SUCCESS <host id> <time> <base64 of zlib>
                  driver     SYSTEM_HOST, STATE_VM, … of the same form, to monitord's port

monitord drops what is older than what it has; a time of 0 it never drops. We send 0, so that
a clock that was set back does not stop the reports. Sources:
``src/im/InformationManagerDriver.cc`` (5.x), ``include/Message.h``,
``HostMonitorManager::test_set_timestamp``.
"""

import binascii
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.urls import parse_host
from one2one.opennebula.xml import Element, parse, read_integer, read_number, read_text

_MAX_XML = 16 << 20
_SHORTEST_S, _LONGEST_S = 0.1, 86400.0


@dataclass(frozen=True, slots=True)
class ImLine:
    """A line from oned or monitord."""

    action: str
    host_id: int
    """-1 for INIT and FINALIZE."""
    payload: str
    """What stands behind the host's id, up to 5.10; behind the time, from 5.12."""


def parse_line(line: str) -> ImLine:
    """Return what was written; raises ProtocolError for a line that cannot be answered."""
    words = line.split()
    action = words[0].upper() if words else ""
    if action in ("INIT", "FINALIZE"):
        return ImLine(action, -1, "")
    if action in ("START_MONITOR", "STOP_MONITOR"):
        host_id, payload = "".join(words[2:3]), "".join(words[4:])
    else:
        host_id, payload = "".join(words[1:2]), " ".join(words[2:])
    number = read_id(host_id)
    if number is None:
        raise ProtocolError(f"an IM driver cannot answer {line[:60]!r}: no host id", remedy="")
    return ImLine(action, number, payload)


@dataclass(frozen=True, slots=True)
class Periods:
    """PROBES_PERIOD in monitord.conf, in seconds.

    A period that is missing, or empty as 7.2 and 7.4 may send it, is that of OpenNebula's agents:
    ``DEFAULT_PROBES_PERIOD`` in ``src/im_mad/remotes/common.d/monitord-client.rb``.
    """

    beacon_host: float = 30
    system_host: float = 600
    monitor_host: float = 120
    state_vm: float = 5
    monitor_vm: float = 30


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where monitord listens, and how often it wants each message."""

    address: str
    port: int
    public_key: str
    """PEM, empty when messages go in clear."""
    periods: Periods


def decode_start(payload: str) -> Configuration:
    """Return what START_MONITOR brings; raises ProtocolError when it is something else."""
    try:
        data = zlib.decompressobj().decompress(b64decode(payload, validate=True), _MAX_XML)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise ProtocolError(f"monitord's message cannot be read ({error})", remedy="") from None
    configuration = parse(data).find("MONITOR_CONFIGURATION")
    if configuration is None:
        raise ProtocolError("monitord sent no MONITOR_CONFIGURATION", remedy="")
    return read_configuration(configuration)


def read_configuration(configuration: Element) -> Configuration:
    """Return what a ``<MONITOR_CONFIGURATION>`` says.

    The address ``auto`` stands for that of the ssh client, which on the front-end is itself.
    """
    return Configuration(
        address=_read_address(configuration),
        port=_read_port(configuration),
        public_key=read_text(configuration, "NETWORK/PUBKEY").strip(),
        periods=Periods(
            **{
                name: _read_period(configuration, name, default)
                for name, default in _DEFAULT_PERIODS.items()
            }
        ),
    )


def _read_period(configuration: Element, name: str, default: float) -> float:
    period = read_number(configuration, f"PROBES_PERIOD/{name.upper()}") or default
    return min(max(_SHORTEST_S, period), _LONGEST_S)


def _read_address(configuration: Element) -> str:
    address = read_text(configuration, "NETWORK/MONITOR_ADDRESS", "auto").strip()
    try:
        return "127.0.0.1" if address == "auto" else parse_host(address)
    except ValueError as error:
        raise ProtocolError(
            f"monitord's MONITOR_ADDRESS is {address[:60]!r}: {error}",
            remedy="Correct it in monitord.conf",
        ) from None


def _read_port(configuration: Element) -> int:
    port = read_integer(configuration, "NETWORK/PORT", 4124)
    if not 0 < port < 2**16:
        raise ProtocolError(f"monitord's port cannot be {port}", remedy="")
    return port


_DEFAULT_PERIODS = {name: getattr(Periods(), name) for name in Periods.__slots__}


def format_pull_answer(action: str, host_id: int, *, success: bool, info: str) -> str:
    """Return the line that ends an action of 5.6 to 5.10; oned inflates the text by itself."""
    return f"{action} {_format_result(success)} {host_id} {_pack(info.encode())}\n"


def format_push_message(kind: str, host_id: int, *, success: bool, data: bytes) -> str:
    """Return a message of 5.12 and later; *data* is text, or text that was encrypted."""
    return f"{kind} {_format_result(success)} {host_id} 0 {_pack(data) if data else ''}\n"


def format_log(severity: str, host_id: int, info: str, *, push: bool) -> str:
    """Return a LOG line, for oned.log up to 5.10, from 5.12 (*push*) for monitor.log."""
    if push:
        return f"LOG {severity} {host_id} 0 {_pack(clean_line(info).encode())}\n"
    return f"LOG {severity} {host_id} {clean_line(info)}\n"


def _format_result(success: bool) -> str:
    return "SUCCESS" if success else "FAILURE"


def _pack(data: bytes) -> str:
    return b64encode(zlib.compress(data)).decode()
