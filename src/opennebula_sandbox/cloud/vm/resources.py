"""The images and networks of a cloud, from which VMs get disks and NICs."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.profile import Profile

NETWORK, IMAGE = "public", "ttylinux"
"""The first network and the first image of a cloud."""

_FIRST = IPv4Address("192.168.150.10")


class NotOwned(Exception):
    """Raised for the name of an image or a network that the cloud does not have."""


class NotGiven(Exception):
    """Raised where the cloud does not give what a section asks for by id or address."""


@dataclass
class Image:
    """An image."""

    id: int
    name: str
    size: int = 1024
    """In MB."""
    shared: bool = True
    """Whether users may use it."""
    template: Template = field(default_factory=Template)


@dataclass
class Network:
    """A virtual network with one address range."""

    id: int
    name: str
    first: IPv4Address = _FIRST
    size: int = 5000
    addresses: bool = True
    """Whether it gives IP addresses; an Ethernet network gives MAC addresses only."""
    shared: bool = True
    """Whether users may use it."""
    template: Template = field(default_factory=Template)
    next: int = 0
    """The place in the range of the next address that was never given."""
    wanted: set[IPv4Address] = field(default_factory=set)
    """Addresses that were asked for."""

    def lease(self, wanted: str) -> Vector:
        """Return MAC and IP of a new NIC; raises NotGiven. No address is given twice."""
        address = IPv4Address(wanted) if wanted else self._find_next()
        place = int(address) - int(self.first)
        if wanted and (not self.next <= place < self.size or address in self.wanted):
            raise NotGiven(f"Cannot get IP/MAC lease from virtual network {self.id}.")
        self.wanted.add(address)
        mac = ":".join(f"{byte:02x}" for byte in (2, 0, *address.packed))
        return {"MAC": mac, **({"IP": str(address)} if self.addresses else {})}

    def release(self, address: str) -> None:
        """Take back an address that was asked for."""
        if address:
            self.wanted.discard(IPv4Address(address))

    def _find_next(self) -> IPv4Address:
        while True:
            self.next += 1
            address = self.first + self.next - 1
            if address not in self.wanted:
                return address


class Resources:
    """The images and networks of a cloud."""

    def __init__(self, addresses: bool = True) -> None:
        """Create the first of each; *addresses* says whether that network has IP addresses."""
        self.images = {0: Image(0, IMAGE)}
        self.networks = {0: Network(0, NETWORK, addresses=addresses)}

    @property
    def image_size(self) -> int:
        """The size of the first image in MB."""
        return self.images[0].size

    def add_image(self, name: str, template: Template, *, shared: bool = True) -> Image:
        """Register an image."""
        image = Image(max(self.images) + 1, name, shared=shared, template=template)
        self.images[image.id] = image
        return image

    def add_network(
        self, name: str, first: str, template: Template, *, shared: bool = True
    ) -> Network:
        """Register a network whose addresses begin with *first*."""
        number = max(self.networks) + 1
        network = Network(number, name, IPv4Address(first), shared=shared, template=template)
        self.networks[number] = network
        return network

    def find_image(self, wanted: Vector) -> Image | None:
        """Return the image of a DISK section; None for a volatile disk. Raises NotOwned."""
        if "IMAGE_ID" in wanted:
            image = self.images.get(int(wanted["IMAGE_ID"]))
            if image is None:
                raise NotGiven(f"Image with ID: {wanted['IMAGE_ID']} does not exist")
            return image
        if "IMAGE" not in wanted:
            return None
        for image in self.images.values():
            if image.name == wanted["IMAGE"]:
                return image
        raise NotOwned("image", wanted["IMAGE"], "DISK")

    def find_network(self, wanted: Vector) -> Network | None:
        """Return the network of a NIC section; None if it names none. Raises NotOwned."""
        if "NETWORK_ID" in wanted:
            network = self.networks.get(int(wanted["NETWORK_ID"]))
            if network is None:
                words = f"Virtual network with ID: {wanted['NETWORK_ID']} does not exist"
                raise NotGiven(words)
            return network
        if "NETWORK" not in wanted:
            return None
        for network in self.networks.values():
            if network.name == wanted["NETWORK"]:
                return network
        raise NotOwned("network", wanted["NETWORK"], "NIC")

    def build_nic(self, wanted: Vector, vm_id: int, nic_id: int) -> Vector:
        """Return the NIC for the section *wanted*; raises NotOwned or NotGiven."""
        network = self.find_network(wanted)
        if network is None:
            return {**wanted, "NAME": f"NIC{nic_id}", "NIC_ID": str(nic_id)}
        return {
            **wanted,
            **network.lease(wanted.get("IP", "")),
            "AR_ID": "0",
            "BRIDGE": "br0",
            "BRIDGE_TYPE": "linux",
            "CLUSTER_ID": "0",
            "NAME": f"NIC{nic_id}",
            "NETWORK": network.name,
            "NETWORK_ID": str(network.id),
            "NIC_ID": str(nic_id),
            "SECURITY_GROUPS": "0",
            "TARGET": f"one-{vm_id}-{nic_id}",
            "VN_MAD": "dummy",
        }

    def build_disk(self, wanted: Vector, disk_id: int, letter: int, profile: Profile) -> Vector:
        """Return the disk for the section *wanted*; raises NotOwned or NotGiven."""
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
        image = self.find_image(wanted)
        if image is None:
            disk |= {"DATASTORE": "sysdummy", "DATASTORE_ID": "100", "TM_MAD_SYSTEM": "dummy"}
            if "DRIVER" in disk:
                disk["DRIVER"] = wanted.get("FORMAT", "raw")
            return {**disk, **wanted}
        return {
            **wanted,
            **disk,
            "CLONE": "YES",
            "CLONE_TARGET": "SYSTEM",
            "DATASTORE": "imgdummy",
            "DATASTORE_ID": "101",
            "DISK_SNAPSHOT_TOTAL_SIZE": "0",
            "IMAGE": image.name,
            "IMAGE_ID": str(image.id),
            "IMAGE_STATE": "2",
            "LN_TARGET": "NONE",
            "ORIGINAL_SIZE": str(image.size),
            "READONLY": "NO",
            "SAVE": "NO",
            "SIZE": wanted.get("SIZE", str(image.size)),
            "SOURCE": "dummy_path",
            "TYPE": "FILE",
        }
