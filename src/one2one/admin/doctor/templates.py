"""Checks of the local templates that are meant for a host."""

from collections.abc import Iterator

from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import Finding, failure, join_some, ok, skip, warning
from one2one.admin.template.mapping import find_mapped_id
from one2one.hybrid.allowed_size import override_size
from one2one.hybrid.context import find_unset
from one2one.hybrid.public_cloud import find_max_hours, takes_local_size
from one2one.opennebula.errors import Refused
from one2one.opennebula.numbers import parse_number
from one2one.opennebula.records import VmTemplate

_SIZE = ("CPU", "MEMORY", "VCPU")


def check_visible(host: HybridHost) -> Finding:
    """Check that the account may use any template at all."""
    if host.templates:
        return ok(f"the account may use {len(host.templates)}")
    return failure(
        "the account may use none", "At the remote: onetemplate chmod, or chown, or a VDC"
    )


def check_mapped(host: HybridHost) -> Finding:
    """Check that the remote template of each local one is there."""
    local = [*_list_mapped(host)]
    if not local:
        return skip("no local template is for this host")
    missing = [
        f"{template.id} asks for {number}"
        for template, number in local
        if number not in host.templates
    ]
    if missing:
        return failure(
            f"the account may not use the remote template: {join_some(missing)}",
            "Share it at the remote, or correct PUBLIC_CLOUD (one2one template list)",
        )
    return ok(f"{len(local)} local templates")


def check_sizes(host: HybridHost) -> Finding:
    """Check that the local scheduler counts what the remote will use."""
    differing = []
    for template, number in _list_mapped(host):
        remote = host.templates.get(number)
        if remote is None or not _leaves_size(host, template):
            continue
        for name in _SIZE:
            local_size, remote_size = template.template.text(name), remote.template.text(name)
            if (
                local_size
                and remote_size
                and _parse_number(local_size) != _parse_number(remote_size)
            ):
                differing.append(f"{template.id} has {name} {local_size} for {remote_size}")
    if differing:
        return warning(
            f"a local template and its remote one differ: {join_some(differing)}",
            f"See: one2one template sync {host.host.name} --dry-run",
        )
    return ok("the same on both sides")


def check_local_sizes(host: HybridHost) -> Finding:
    """Check that the remote allows the size of each template whose remote VMs get it."""
    refusals, checked = [], 0
    for template, number in _list_mapped(host):
        remote = host.templates.get(number)
        try:
            if remote and _asks_for_local_size(host, template):
                checked += 1
                override_size(template.template, remote)
        except Refused as error:
            refusals.append(f"{template.id}: {error.cause}")
    if refusals:
        return failure(
            f"VMs of a template are refused for their size: {join_some(refusals)}",
            "Correct it, or leave the size to the remote template: SIZE = REMOTE in PUBLIC_CLOUD",
        )
    if not checked:
        return skip("no template gives its size to the remote VM")
    return ok(f"the remote allows the sizes of {checked} local templates")


def check_hours(host: HybridHost) -> Finding:
    """Check that MAX_HOURS of each template can be read, and that it is not more than allowed."""
    refusals, longer, most = [], [], host.settings.max_hours
    for template, _ in _list_mapped(host):
        try:
            hours = find_max_hours(template.template, host.host.name)
        except Refused as error:
            refusals.append(f"{template.id}: {error.cause}")
        else:
            if hours and most and hours > most:
                longer.append(f"{template.id} has {hours:g}")
    if refusals:
        return failure(
            f"VMs of a template are refused for their hours: {join_some(refusals)}",
            "Correct MAX_HOURS in PUBLIC_CLOUD, or remove it",
        )
    if longer:
        return warning(
            f"a template has more MAX_HOURS than the host: {join_some(longer)}",
            f"The host's {most:g} count: correct the template, or raise ONE_MAX_HOURS",
        )
    return ok(f"{most:g} hours at most" if most else "the host sets no limit")


def check_parts(host: HybridHost) -> Finding:
    """Check that no local template has disks, NICs or files, which only a local VM can use."""
    parts = []
    for template, _ in _list_mapped(host):
        names = [name for name in ("DISK", "NIC", "PCI") if template.template.vectors(name)]
        if template.template.vector("CONTEXT").get("FILES"):
            names.append("CONTEXT/FILES")
        parts += [f"{template.id} has {name}" for name in names]
    if parts:
        return warning(
            f"parts that stay behind or make trouble: {join_some(parts)}",
            "Remove them: the remote template decides disks and networks",
        )
    return ok("none has disks, NICs or files")


def check_context(host: HybridHost) -> Finding:
    """Check that guests get the key and name of their local user, not the remote account's."""
    unset = []
    for template, number in _list_mapped(host):
        if remote := host.templates.get(number):
            contexts = (one.template.vector("CONTEXT") for one in (template, remote))
            unset += [f"{template.id} leaves {name}" for name in find_unset(*contexts)]
    if unset:
        return warning(
            f"values of the remote account, which a template does not set: {join_some(unset)}",
            f"Set them in its CONTEXT, or run: one2one template sync {host.host.name}",
        )
    return ok("none has a value of the remote account")


def check_requirements(host: HybridHost) -> Finding:
    """Check that the VMs of the templates cannot start on local hosts, where they have no disk."""
    loose = [
        str(template.id)
        for template, _ in _list_mapped(host)
        if "HYPERVISOR" not in template.template.text("SCHED_REQUIREMENTS")
    ]
    if loose:
        return warning(
            f"VMs of template {join_some(loose)} may start on local hosts too",
            'Add SCHED_REQUIREMENTS = "HYPERVISOR=\\"opennebula\\""',
        )
    return ok("they keep VMs off local hosts")


def _asks_for_local_size(host: HybridHost, template: VmTemplate) -> bool:
    by_default = host.settings.local_size
    return takes_local_size(template.template, host.host.name, by_default=by_default)


def _leaves_size(host: HybridHost, template: VmTemplate) -> bool:
    """Tell whether VMs of *template* have the remote template's size."""
    try:
        return not _asks_for_local_size(host, template)
    except Refused:  # check_local_sizes tells why
        return False


def _list_mapped(host: HybridHost) -> Iterator[tuple[VmTemplate, int]]:
    for template in host.front_end.templates:
        number = find_mapped_id(template.template, host.host.name)
        if number is not None:
            yield template, number


def _parse_number(value: str) -> float | str:
    number = parse_number(value)
    return value if number is None else number
