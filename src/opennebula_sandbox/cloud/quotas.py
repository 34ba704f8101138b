"""Quotas: the limits and the usage of a user or a group.

A limit of −1 means the default quota. Without a default quota, and with −2, there is no limit.
Source: ``src/um/Quota.cc``, ``QuotaVirtualMachine.cc``.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.wire.render import render_attribute

_DEFAULT, _UNLIMITED = "-1", "-2"

Amounts = Mapping[str, float]
"""Amounts by metric: VMS, CPU, MEMORY and so on."""


@dataclass
class Quotas:
    """The quotas of one user, one group, or the defaults of all."""

    limits: dict[str, str] | None = None
    """Limits by metric, as text. None until a limit was set or a VM was counted."""
    cluster_limits: dict[str, dict[str, str]] = field(default_factory=dict)
    """Since 7.0: limits for VMs in some clusters, by CLUSTER_IDS (``0,100``)."""
    used: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    leases: Counter[int] = field(default_factory=Counter)
    """NICs by network."""
    images: Counter[int] = field(default_factory=Counter)
    """Disks by image."""

    def limit(self, cluster_ids: str = "", /, **limits: float) -> None:
        """Set limits by metric: ``limit(VMS=10, RUNNING_CPU=-2)``."""
        texts = {metric: f"{value:g}" for metric, value in limits.items()}
        if cluster_ids:
            self.cluster_limits.setdefault(cluster_ids, {}).update(texts)
        else:
            self.limits = {**(self.limits or {}), **texts}

    def find_exceeded_limit(
        self, request: Amounts, defaults: "Quotas", metrics: tuple[str, ...]
    ) -> str | None:
        """Return oned's error for the first limit that *request* exceeds; None without one."""
        for metric in metrics:
            text = (self.limits or {}).get(metric, _DEFAULT)
            if text == _DEFAULT:
                text = (defaults.limits or {}).get(metric, _UNLIMITED)
            limit = float(text)
            if metric in request and limit >= 0 and self.used[metric] + request[metric] > limit:
                return f"limit of {limit:g} reached for {metric} quota in VM"
        return None

    def count(self, request: Amounts, sign: int = 1) -> None:
        """Add *request* to the usage, or subtract it with *sign* −1."""
        self.limits = self.limits or {}
        for metric, amount in request.items():
            self.used[metric] += sign * amount

    def count_devices(self, template: Template, sign: int) -> None:
        """Add the NICs and images of a VM to the usage, or subtract them with *sign* −1."""
        for counter, kind, key in (
            (self.leases, "NIC", "NETWORK_ID"),
            (self.images, "DISK", "IMAGE_ID"),
        ):
            for device in template.vectors(kind):
                if key in device:
                    counter[int(device[key])] += sign

    def render(self, profile: Profile) -> str:
        """Return the four …_QUOTA elements."""
        return (
            "<DATASTORE_QUOTA></DATASTORE_QUOTA>"
            f"<NETWORK_QUOTA>{_render_by_id('NETWORK', 'LEASES', self.leases)}</NETWORK_QUOTA>"
            f"<VM_QUOTA>{self._render_vm(profile)}</VM_QUOTA>"
            f"<IMAGE_QUOTA>{_render_by_id('IMAGE', 'RVMS', self.images)}</IMAGE_QUOTA>"
        )

    def render_defaults(self) -> str:
        """Return the four …_QUOTA elements of default quotas, without usage."""
        vm = "" if self.limits is None else render_attribute("VM", self.limits)
        return (
            "<DATASTORE_QUOTA></DATASTORE_QUOTA><NETWORK_QUOTA></NETWORK_QUOTA>"
            f"<VM_QUOTA>{vm}</VM_QUOTA><IMAGE_QUOTA></IMAGE_QUOTA>"
        )

    def _render_vm(self, profile: Profile) -> str:
        if self.limits is None:
            return ""
        elements = [self._add_usage(self.limits, profile)]
        if profile.cluster_quotas:
            elements += [
                {"CLUSTER_IDS": ids, **self._add_usage(limits, profile)}
                for ids, limits in self.cluster_limits.items()
            ]
        return "".join(render_attribute("VM", element) for element in elements)

    def _add_usage(self, limits: Mapping[str, str], profile: Profile) -> dict[str, str]:
        element = {}
        for metric in profile.quota_metrics:
            element[metric] = limits.get(metric, _DEFAULT)
            element[f"{metric}_USED"] = format_number(self.used[metric])
        return element


def sum_amounts(template: Template) -> Amounts:
    """Return the amounts that a VM counts for until it is DONE."""
    sizes = (
        disk.get("SIZE", "")
        for disk in template.vectors("DISK")
        if disk.get("CLONE_TARGET", "SYSTEM") == "SYSTEM"
    )
    size = sum(int(text) for text in sizes if text.isdecimal())
    return {"VMS": 1, **_read_capacity(template, ""), "SYSTEM_DISK_SIZE": size}


def sum_running_amounts(template: Template) -> Amounts:
    """Return the additional amounts that a VM counts for while it runs or starts."""
    return {"RUNNING_VMS": 1, **_read_capacity(template, "RUNNING_")}


def _read_capacity(template: Template, prefix: str) -> dict[str, float]:
    return {f"{prefix}{name}": float(template.text(name) or 0) for name in ("CPU", "MEMORY")}


def format_number(value: float) -> str:
    """Return *value* as oned writes it: two decimals, or none for a whole number."""
    rounded = round(value, 2)
    return f"{rounded:.0f}" if rounded == int(rounded) else f"{rounded:.2f}"


def _render_by_id(kind: str, metric: str, used: Counter[int]) -> str:
    return "".join(
        render_attribute(kind, {"ID": str(key), metric: _DEFAULT, f"{metric}_USED": str(count)})
        for key, count in sorted(used.items())
    )
