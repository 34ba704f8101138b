"""Checks of an installation's files, entries and processes."""

import re
from pathlib import Path

from one2one.admin.doctor.facts import FrontEnd
from one2one.admin.doctor.finding import Finding, failure, join_some, ok, skip, warning
from one2one.admin.install.configuration import encrypts_password
from one2one.admin.install.entries import Mode, runs_scripts
from one2one.admin.install.plan import RESIDENT, make_plan
from one2one.mad.im_messages import Periods
from one2one.opennebula.errors import OneError, ProtocolError
from one2one.opennebula.numbers import parse_whole
from one2one.opennebula.template import parse_text

_INSTALL = "Run: one2one install"
_DUMMY = re.compile(r"-[ds]\s+(\S+)")


def check_front_end_files(front_end: FrontEnd) -> Finding:
    """Check that OpenNebula's files are where they should be, and readable."""
    try:
        layout = front_end.layout
        for path in filter(None, (layout.oned_conf, layout.monitord_conf)):
            path.open().close()
    except OneError as error:
        return failure(error.cause, error.remedy)
    return ok(f"{layout.etc}, {layout.lib}, {layout.var}")


def check_vm_mad(front_end: FrontEnd) -> Finding:
    """Check that oned.conf has the VMM driver."""
    return _check_entry(front_end, "VM_MAD")


def check_im_mad(front_end: FrontEnd) -> Finding:
    """Check that oned.conf, or monitord.conf, has the IM driver."""
    return _check_entry(front_end, "IM_MAD")


def check_files(front_end: FrontEnd) -> Finding:
    """Check that the installed files are those of this one2one."""
    entry = front_end.mad("VM_MAD")
    if entry is None:
        return skip("nothing is configured")
    mode = Mode.SCRIPTS if runs_scripts(entry) else Mode.RESIDENT
    changes = make_plan(front_end.layout, mode).changes
    if not changes:
        return ok(f"installed ({mode.value})")
    names = [change.path.name for change in changes]
    return failure(
        f"missing or changed since (by an upgrade?): {join_some(names)}",
        f"Run: one2one install --{mode.value}",
    )


def check_processes(front_end: FrontEnd) -> Finding:
    """Check that the resident drivers run."""
    entry = front_end.mad("VM_MAD")
    if entry is None or runs_scripts(entry):
        return skip("no resident driver is configured")
    running = _list_running()
    missing = [name for name in RESIDENT if str(front_end.layout.mads / name) not in running]
    if missing:
        return failure(
            f"not running: {join_some(missing)}",
            "Look for the reason in oned.log and monitor.log; restart OpenNebula",
        )
    return ok(f"running: {join_some(list(RESIDENT))}")


def check_encryption(front_end: FrontEnd) -> Finding:
    """Check that oned encrypts the remote passwords."""
    if front_end.layout.version < (5, 10):
        return ok("this release always encrypts them")
    if encrypts_password(front_end.oned_conf):
        return ok("oned.conf has HOST_ENCRYPTED_ATTR")
    return failure("oned.conf lets ONE_PASSWORD be kept in clear text", _INSTALL)


def check_key(front_end: FrontEnd) -> Finding:
    """Check that oned has a key for encryption: without a key it keeps clear text."""
    path = front_end.layout.var / ".one/one_key"
    if path.exists() and path.stat().st_size:
        return ok(f"{path}")
    return failure(
        f"{path} is missing or empty: nothing is encrypted",
        "Put 32 random characters into it as oneadmin, mode 600; restart OpenNebula",
    )


def check_probe_periods(front_end: FrontEnd) -> Finding:
    """Check that monitord waits longer than the drivers' periods."""
    if front_end.layout.monitord_conf is None:
        return skip("before 5.12 oned itself asks for monitoring")
    configuration = parse_text(front_end.monitord_conf)
    periods = configuration.vector("PROBES_PERIOD")
    patience = _read_period(configuration.text("MONITORING_INTERVAL_HOST"), 180)
    monitor = _read_period(periods.get("MONITOR_HOST", ""), Periods().monitor_host)
    states = _read_period(periods.get("STATE_VM", ""), Periods().state_vm)
    if monitor >= patience:
        return warning(
            f"MONITOR_HOST every {monitor} s, but hosts fail after {patience} s of silence",
            "Make MONITORING_INTERVAL_HOST in monitord.conf the longer one",
        )
    if states > 60:
        return warning(f"VM states are read every {states} s only", "Lower STATE_VM to 5 to 30")
    return ok(f"VM states every {states} s, hosts every {monitor} s")


def _read_period(text: str, default: float) -> int:
    """Return the seconds in *text*, which monitord.conf may leave empty."""
    seconds = parse_whole(text.strip()) if text else int(default)
    if seconds is None:
        raise ProtocolError(f"monitord.conf: {text!r} is no whole number", remedy="Correct it")
    return seconds


def check_dummy_driver(front_end: FrontEnd) -> Finding:
    """Check on 7.x that oned.conf lists the transfer driver dummy."""
    if front_end.layout.version < (7,):
        return skip("only 7.x needs it")
    configuration = parse_text(front_end.oned_conf)
    lacking = [
        kind
        for kind in ("TM_MAD", "DATASTORE_MAD")
        if not _lists_dummy(configuration.vector(kind).get("ARGUMENTS", ""))
    ]
    if lacking:
        return failure(
            f"{join_some(lacking)} in oned.conf do not list dummy", "Add dummy to -d and -s there"
        )
    return ok("TM_MAD and DATASTORE_MAD list dummy")


def _check_entry(front_end: FrontEnd, kind: str) -> Finding:
    entry = front_end.mad(kind)
    if entry is None:
        return failure(f'there is no {kind} with NAME="one"', _INSTALL)
    executable = entry.vector.get("EXECUTABLE", "")
    if not (front_end.layout.mads / executable).exists():
        return failure(f"{executable} does not exist: oned cannot start", _INSTALL)
    if executable == "one_vmm_sh" and "-p" not in entry.vector.get("ARGUMENTS", "").split():
        return warning(
            "without -p a host's VMs wait for each other, one action at a time",
            "Add -p to ARGUMENTS, or run: one2one install --resident",
        )
    return ok(f"{executable}")


def _list_running() -> set[str]:
    """Return every word of every process's command line."""
    words = set[str]()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words.update(path.read_text(errors="replace").split("\0"))
        except OSError:  # it has ended
            continue
    return words


def _lists_dummy(arguments: str) -> bool:
    lists = _DUMMY.findall(arguments)
    return bool(lists) and all("dummy" in names.split(",") for names in lists)
