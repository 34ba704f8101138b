"""A check of who says which remote images and networks the VMs of a host may have."""

from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import Finding, ok, skip, warning
from one2one.hybrid.mapping import ATTRIBUTES

_RESTRICTIONS = {
    "DISK": ("IMAGE_RESTRICTED_ATTR", ATTRIBUTES["image"]),
    "NIC": ("VNET_RESTRICTED_ATTR", ATTRIBUTES["network"]),
}
"""By the kind of operations that a host passes through: in oned.conf, what keeps users from mapping
images or networks of their own."""


def check_mappings(host: HybridHost) -> Finding:
    """Check that users cannot reach what the account may use for others, by their own mappings."""
    wanted = [pair for kind, pair in _RESTRICTIONS.items() if kind in host.settings.pass_through]
    if not wanted:
        return ok("no disks and NICs are passed through")
    if not host.settings.user_mappings:
        return ok("those of users' images and networks do not count")
    present = {
        (str(element.tag), (element.text or "").strip().upper())
        for element in host.front_end.local.cloud.get_config()
    }
    if not any(tag.endswith("_RESTRICTED_ATTR") for tag, _ in present):
        return skip("oned does not show its restricted attributes")
    missing = [pair for pair in wanted if pair not in present]
    if not missing:
        return ok(f"oned.conf restricts {', '.join(name for _, name in wanted)}")
    lines = " and ".join(f'{tag} = "{name}"' for tag, name in missing)
    return warning(
        f"users may set {', '.join(name for _, name in missing)} of their own images and networks, "
        "and so get those that the account may use for others",
        f"Write {lines} into oned.conf. Restart it: systemctl restart opennebula",
    )
