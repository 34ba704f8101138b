"""Builds disks and NICs from the DISK and NIC sections of a template."""

import ipaddress
import itertools
from dataclasses import dataclass, field

from one2one.opennebula.template import Vector
from opennebula_sandbox.cloud.profile import Profile

NETWORK, IMAGE = "public", "ttylinux"
"""The only network and the only image of a sandbox."""
RULES: tuple[Vector, ...] = tuple(
    {
        "PROTOCOL": "ALL",
        "RULE_TYPE": direction,
        "SECURITY_GROUP_ID": "0",
        "SECURITY_GROUP_NAME": "default",
    }
    for direction in ("OUTBOUND", "INBOUND")
)
"""The rules of the security group that every NIC has."""


class NotOwned(Exception):
    """Raised for an image or a network that the cloud does not have."""


@dataclass
class Resources:
    """The image and the network of a cloud, from which VMs get disks and NICs."""

    addresses: bool = True
    """Whether the network gives IP addresses; an Ethernet network gives MAC addresses only."""
    network_id: int = 0
    image_size: int = 1024
    """In MB."""
    _leases: "itertools.count[int]" = field(default_factory=itertools.count)

    def build_nic(self, wanted: Vector, vm_id: int, nic_id: int) -> Vector:
        """Return the NIC for the section *wanted*; raises NotOwned."""
        if wanted.get("NETWORK", NETWORK) != NETWORK:
            raise NotOwned("network", wanted["NETWORK"], "NIC")
        address = ipaddress.IPv4Address("192.168.150.10") + next(self._leases)
        mac = ":".join(f"{byte:02x}" for byte in (2, 0, *address.packed))
        lease = {"MAC": mac, **({"IP": str(address)} if self.addresses else {})}
        return {
            **wanted,
            **lease,
            "AR_ID": "0",
            "BRIDGE": "br0",
            "BRIDGE_TYPE": "linux",
            "CLUSTER_ID": "0",
            "NAME": f"NIC{nic_id}",
            "NETWORK": NETWORK,
            "NETWORK_ID": str(self.network_id),
            "NIC_ID": str(nic_id),
            "SECURITY_GROUPS": "0",
            "TARGET": f"one-{vm_id}-{nic_id}",
            "VN_MAD": "dummy",
        }

    def build_disk(self, wanted: Vector, disk_id: int, letter: int, profile: Profile) -> Vector:
        """Return the disk for the section *wanted*; without an image it is volatile."""
        disk = {
            "ALLOW_ORPHANS": "NO",
            "CLUSTER_ID": "0",
            "DEV_PREFIX": profile.device_prefix,
            "DISK_ID": str(disk_id),
            "DISK_TYPE": "FILE",
            "TARGET": f"{profile.device_prefix}{chr(ord('a') + letter)}",
            "TM_MAD": "dummy",
            **dict(profile.disk_extra),
        }
        if "IMAGE" not in wanted and "IMAGE_ID" not in wanted:
            disk |= {"DATASTORE": "sysdummy", "DATASTORE_ID": "100", "TM_MAD_SYSTEM": "dummy"}
            if "DRIVER" in disk:
                disk["DRIVER"] = wanted.get("FORMAT", "raw")
            return {**disk, **wanted}
        if wanted.get("IMAGE", IMAGE) != IMAGE:
            raise NotOwned("image", wanted["IMAGE"], "DISK")
        return {
            **wanted,
            **disk,
            "CLONE": "YES",
            "CLONE_TARGET": "SYSTEM",
            "DATASTORE": "imgdummy",
            "DATASTORE_ID": "101",
            "DISK_SNAPSHOT_TOTAL_SIZE": "0",
            "IMAGE": IMAGE,
            "IMAGE_ID": "0",
            "IMAGE_STATE": "2",
            "LN_TARGET": "NONE",
            "ORIGINAL_SIZE": str(self.image_size),
            "READONLY": "NO",
            "SAVE": "NO",
            "SIZE": wanted.get("SIZE", str(self.image_size)),
            "SOURCE": "dummy_path",
            "TYPE": "FILE",
        }


def next_id(devices: list[Vector], key: str) -> int:
    """Return the id of the next device; *key* is DISK_ID or NIC_ID."""
    return max((int(device[key]) for device in devices if device.get(key)), default=-1) + 1
