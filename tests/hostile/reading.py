"""Lines as oned and monitord might write them, read as the drivers read them."""

from collections.abc import Callable

from one2one.mad import im_messages, messages
from one2one.mad.monitord import MonitordClient
from one2one.opennebula.errors import OneError
from tests.hostile import checks, lines
from tests.hostile.chance import Chance
from tests.hostile.checks import Violation
from tests.hostile.ground import Ground

_LINES = 20


def attack_vmm_lines(_ground: Ground, _case: str, chance: Chance) -> int:
    """Read lines to a VMM driver, each second one right."""
    for _ in range(_LINES):
        _read(_read_vmm, lines.odd_vmm(chance, 7).text)
        if _read(_read_vmm, lines.vmm(chance, 7).text) != 7:
            raise Violation("a right line was not understood")
    return 2 * _LINES


def attack_im_lines(_ground: Ground, _case: str, chance: Chance) -> int:
    """Read lines to an IM driver, and what they bring."""
    for _ in range(_LINES):
        configuration = lines.configuration(chance, 4124)
        _read(_read_im, lines.odd_im(chance, 0, configuration).text)
    return _LINES


def _read(read: Callable[[str], int], line: str) -> int:
    """Read a line as a driver does; return the VM or host that it names, or -1."""
    try:
        return read(line)
    except OneError as error:
        checks.check_error(error)
        return -1


def _read_vmm(text: str) -> int:
    line = messages.parse_line(text)
    messages.read_subject(line.action, line.payload)
    return messages.parse_request(line.action, line.payload).vm.id


def _read_im(text: str) -> int:
    line = im_messages.parse_line(text)
    if line.action == "START_MONITOR":
        MonitordClient(line.host_id, im_messages.decode_start(line.payload)).close()
    return line.host_id
