"""A scripted oned that changes VMs at once: snapshots, sizes, contexts, disks and NICs."""

from collections.abc import Callable

from lxml import etree

from one2one.opennebula.template import Template, Vector, from_xml, to_xml
from tests.driver.scripted import BORN, Answer, ScriptedOned, find_or_refuse

_NUMBERS = {"SNAPSHOT": "SNAPSHOT_ID", "DISK": "DISK_ID", "NIC": "NIC_ID"}


class ChangingOned(ScriptedOned):
    """An oned whose VMs, images and networks can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[int, Template] = {}
        self.networks: dict[int, tuple[Template, Vector]] = {}
        """Each with its only address range."""
        more: dict[str, Callable[..., Answer]] = {
            "vm.snapshotcreate": self._create_snapshot,
            "vm.snapshotrevert": lambda vm_id, _: vm_id,
            "vm.snapshotdelete": lambda vm_id, number: self._remove(vm_id, "SNAPSHOT", number),
            "vm.resize": self._resize,
            "vm.updateconf": self._update_configuration,
            "vm.attach": lambda vm_id, disk: self._attach(vm_id, "DISK", disk),
            "vm.detach": lambda vm_id, number: self._remove(vm_id, "DISK", number),
            "vm.diskresize": self._resize_disk,
            "vm.attachnic": lambda vm_id, nic: self._attach(vm_id, "NIC", nic),
            "vm.detachnic": lambda vm_id, number: self._remove(vm_id, "NIC", number),
            "image.info": self._show_image,
            "vn.info": self._show_network,
        }
        self.methods |= more

    def read_devices(self, vm_id: int, name: str) -> list[Vector]:
        """Return the vectors of this name that a VM has, by their numbers."""
        vectors = self._list(vm_id, name)
        return sorted(vectors, key=lambda vector: int(vector[_NUMBERS[name]]))

    def _list(self, vm_id: int, name: str) -> list[Vector]:
        """Return the VM's own list, one that may be changed."""
        found = find_or_refuse(self.vms, vm_id).template.setdefault(name, [])
        assert isinstance(found, list)
        return found

    def _add(self, vm_id: int, name: str, members: Vector) -> int:
        vectors = self._list(vm_id, name)
        number = max((int(vector[_NUMBERS[name]]) for vector in vectors), default=-1) + 1
        vectors.append({_NUMBERS[name]: str(number), **members})
        return number

    def _create_snapshot(self, vm_id: int, name: str) -> int:
        return self._add(vm_id, "SNAPSHOT", {"NAME": name, "TIME": str(BORN)})

    def _attach(self, vm_id: int, name: str, text: str) -> int:
        self._add(vm_id, name, read_xml(text).vector(name))
        return vm_id

    def _remove(self, vm_id: int, name: str, number: int) -> int:
        vectors = self._list(vm_id, name)
        vectors[:] = [vector for vector in vectors if vector[_NUMBERS[name]] != str(number)]
        return vm_id

    def _resize(self, vm_id: int, text: str, _enforce: object) -> int:
        find_or_refuse(self.vms, vm_id).template |= dict(read_xml(text))
        return vm_id

    def _update_configuration(self, vm_id: int, text: str) -> int:
        vm = find_or_refuse(self.vms, vm_id)
        raw = {f"${name}": str(value) for name, value in vm.user_template.items()}
        context = read_xml(text).vector("CONTEXT")
        vm.template["CONTEXT"] = {name: raw.get(value, value) for name, value in context.items()}
        return vm_id

    def _resize_disk(self, vm_id: int, number: int, size: str) -> int:
        (disk,) = (disk for disk in self._list(vm_id, "DISK") if disk["DISK_ID"] == str(number))
        disk["SIZE"] = size
        return vm_id

    def _show_image(self, image_id: int) -> str:
        template = to_xml(find_or_refuse(self.images, image_id))
        return f"<IMAGE><ID>{image_id}</ID><UID>0</UID><NAME>image</NAME>{template}</IMAGE>"

    def _show_network(self, network_id: int) -> str:
        template, addresses = find_or_refuse(self.networks, network_id)
        body = to_xml(Template([("AR", addresses)]), "AR_POOL") + to_xml(template)
        return f"<VNET><ID>{network_id}</ID><UID>0</UID><NAME>net</NAME>{body}</VNET>"


def read_xml(text: str) -> Template:
    """Return the template that a call was given."""
    return from_xml(etree.fromstring(text))
