"""Checks of the local oned: that it runs, and that it uses its present configuration."""

from one2one.admin.doctor.facts import FrontEnd
from one2one.admin.doctor.finding import Finding, failure, ok, report_unread, skip, warning
from one2one.hybrid.wild import get_import_attribute
from one2one.opennebula.errors import OneError
from one2one.opennebula.xml import read_text

OLDEST, NEWEST = (5, 6), (7, 4)
"""The releases that one2one knows."""
_RESTART = "Restart it: systemctl restart opennebula"


def check_daemon(front_end: FrontEnd) -> Finding:
    """Check that oned answers."""
    try:
        return ok(f"OpenNebula {front_end.version} at {front_end.local.cloud.url}")
    except OneError as error:
        return failure(error.cause, error.remedy)


def check_administrator(front_end: FrontEnd) -> Finding:
    """Check that the credentials are an administrator's."""
    user = front_end.local.cloud.get_user()
    name = read_text(user, "NAME")
    groups = {read_text(user, "GID"), *(group.text for group in user.iterfind("GROUPS/ID"))}
    if "0" in groups:
        return ok(f"{name} is in the group oneadmin")
    return failure(
        f"{name} is not in the group oneadmin, so oned shows no password to it",
        "Run this, and OpenNebula, as oneadmin",
    )


def check_release(front_end: FrontEnd) -> Finding:
    """Check that one2one knows the local release, and that oned runs the installed one."""
    running = parse_release(front_end.version)
    installed = front_end.layout.version[:2]
    if running != installed:
        files = ".".join(map(str, installed))
        return warning(f"oned is {front_end.version}, its files are {files}", _RESTART)
    return check_known_release(front_end.version)


def check_known_release(version: str) -> Finding:
    """Check that a release is one that one2one knows."""
    if parse_release(version) < OLDEST:
        return failure(f"OpenNebula {version} is too old", "Use 5.6 or later")
    if parse_release(version) > NEWEST:
        return warning(f"OpenNebula {version} is newer than this one2one", "Upgrade one2one")
    return ok(f"OpenNebula {version}")


def check_readable_vms(front_end: FrontEnd) -> Finding:
    """Check that each local VM and host can be read: an unreadable one is not monitored."""
    number = len(front_end.vms)
    front_end.hosts  # noqa: B018 - they are read for what is missing
    return report_unread(number, front_end.local.cloud.unread)


def check_loaded(front_end: FrontEnd) -> Finding:
    """Check that the running oned has read the driver's entry as it is now."""
    configured = front_end.mad("VM_MAD")
    if configured is None:
        return skip("there is no entry")
    running = front_end.local.cloud.get_config().findall("VM_MAD")
    if not running:
        return skip("oned does not show its drivers")
    for mad in running:
        if mad.findtext("NAME") == configured.vector["NAME"]:
            differing = [
                name
                for name in ("EXECUTABLE", "ARGUMENTS")
                if (mad.findtext(name) or "") != configured.vector.get(name, "")
            ]
            if differing:
                break
            return ok("oned runs what oned.conf says")
    return failure("oned.conf was changed after oned had read it", _RESTART)


def check_restricted(front_end: FrontEnd) -> Finding:
    """Check that users cannot submit a deploy id, which may be that of another's remote VM.

    Up to 5.10 only an administrator can deploy such a VM.
    """
    version = parse_release(front_end.version)
    name = get_import_attribute(version)
    shown = front_end.local.cloud.get_config().findall("VM_RESTRICTED_ATTR")
    if version < (5, 12):
        return ok(f"{name} has no effect until an administrator deploys the VM")
    if not shown:
        return skip("oned does not show its restricted attributes")
    if name in {(attribute.text or "").strip().upper() for attribute in shown}:
        return ok(f"oned.conf restricts {name}")
    return warning(
        f"users may submit {name}, and so take over VMs of the account that have no marks",
        f'Write VM_RESTRICTED_ATTR = "{name}" into oned.conf. {_RESTART}',
    )


def parse_release(version: str) -> tuple[int, int]:
    """Return major and minor of a release; (0, 0) for what is none."""
    parts = version.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (IndexError, ValueError):
        return 0, 0
