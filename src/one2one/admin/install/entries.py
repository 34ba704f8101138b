"""The drivers' entries in oned.conf and monitord.conf, by mode and release.

Sources: ``share/etc/oned.conf`` and ``src/monitor/etc/monitord.conf`` of each release. The block
has the form of OpenNebula's own commented entries of 5.6 to 5.12.
"""

from enum import Enum

from one2one.admin.install.configuration import (
    Mad,
    add_block,
    encrypts_password,
    list_mads,
    remove_block,
)
from one2one.admin.install.layout import Layout
from one2one.hybrid.naming import DRIVER


class Mode(Enum):
    """How oned runs the drivers."""

    RESIDENT = "resident"
    """Our own processes, which oned starts once."""
    SCRIPTS = "scripts"
    """OpenNebula's shells, which start one of our executables for each action."""


_VMM = {
    Mode.RESIDENT: ("one_vmm_one2one", f"-t 15 -r 0 {DRIVER}"),
    Mode.SCRIPTS: ("one_vmm_sh", f"-p -t 15 -r 0 {DRIVER}"),
}
_IM = {
    Mode.RESIDENT: ("one_im_one2one", DRIVER),
    Mode.SCRIPTS: ("one_im_sh", f"-c -t 15 -r 0 {DRIVER}"),
}
_VM_MAD = """\
VM_MAD = [
    NAME           = "{driver}",
    SUNSTONE_NAME  = "OpenNebula",
    EXECUTABLE     = "{executable}",
    ARGUMENTS      = "{arguments}",
    TYPE           = "xml",
    KEEP_SNAPSHOTS = "yes"{more}
]"""
_COLD_NIC_ATTACH = """,
    COLD_NIC_ATTACH = "yes\""""
_LIVE_RESIZE = """,
    LIVE_RESIZE    = "yes\""""
_IMPORTED = """,
    IMPORTED_VMS_ACTIONS = "terminate, terminate-hard, hold, release, suspend,
        resume, delete, reboot, reboot-hard, resched, unresched, poweroff,
        poweroff-hard, snapshot-create, snapshot-revert, snapshot-delete, resize,
        updateconf, disk-attach, disk-detach, disk-resize, nic-attach, nic-detach\""""
_IM_MAD = """\
IM_MAD = [
    NAME          = "{driver}",
    SUNSTONE_NAME = "OpenNebula",
    EXECUTABLE    = "{executable}",
    ARGUMENTS     = "{arguments}"{more}
]"""
_ENCRYPTED = 'HOST_ENCRYPTED_ATTR = "ONE_PASSWORD"'


def edit_oned_conf(source: str, layout: Layout, mode: Mode) -> str:
    """Return oned.conf with the drivers; raises ConfigurationError and ProtocolError."""
    before_monitord = layout.monitord_conf is None
    clean = remove_block(source)
    entries = {"VM_MAD": _vm_mad(source, layout, mode)}
    if before_monitord:
        entries["IM_MAD"] = _im_mad(source, mode, "")
    entries = _select_missing(clean, entries, mode)
    if layout.version >= (5, 10) and not encrypts_password(clean):
        entries["HOST_ENCRYPTED_ATTR"] = _ENCRYPTED
    return _with(clean, entries)


def edit_monitord_conf(source: str, mode: Mode) -> str:
    """Return monitord.conf with the IM driver; raises ConfigurationError and ProtocolError."""
    clean = remove_block(source)
    entries = {"IM_MAD": _im_mad(source, mode, ",\n    THREADS       = 0")}
    return _with(clean, _select_missing(clean, entries, mode))


def runs_scripts(mad: Mad) -> bool:
    """Tell whether OpenNebula's own shell is the executable of a driver."""
    return mad.vector.get("EXECUTABLE", "") in ("one_vmm_sh", "one_im_sh")


def _select_missing(clean: str, entries: dict[str, str], mode: Mode) -> dict[str, str]:
    """Return the entries to add. For scripts the Ruby drivers' entries are enough."""
    present = {mad.kind for mad in list_mads(clean) if mad.is_ours and runs_scripts(mad)}
    if mode is Mode.RESIDENT:
        return entries
    return {kind: entry for kind, entry in entries.items() if kind not in present}


def _with(clean: str, entries: dict[str, str]) -> str:
    if not entries:
        return clean
    return add_block(clean, "\n".join(entries.values()), tuple(entries))


def _arguments(source: str, kind: str, executable: str) -> str:
    """Return the ARGUMENTS that an entry of ours has, which an administrator may have changed."""
    for mad in list_mads(source):
        if mad.is_ours and mad.kind == kind and mad.vector.get("EXECUTABLE") == executable:
            return mad.vector.get("ARGUMENTS", "")
    return ""


def _vm_mad(source: str, layout: Layout, mode: Mode) -> str:
    executable, arguments = _VMM[mode]
    arguments = _arguments(source, "VM_MAD", executable) or arguments
    more = _COLD_NIC_ATTACH if layout.version >= (5, 12) else ""
    more += _LIVE_RESIZE if layout.version >= (6,) else ""
    more += _IMPORTED if layout.version < (7,) else ""
    return _VM_MAD.format(driver=DRIVER, executable=executable, arguments=arguments, more=more)


def _im_mad(source: str, mode: Mode, more: str) -> str:
    executable, arguments = _IM[mode]
    arguments = _arguments(source, "IM_MAD", executable) or arguments
    return _IM_MAD.format(driver=DRIVER, executable=executable, arguments=arguments, more=more)
