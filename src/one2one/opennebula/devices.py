"""Calls about the disks and NICs of a VM, and about their images and networks.

Those that change a VM return before it is done: the VM is in HOTPLUG, HOTPLUG_NIC or DISK_RESIZE
until then, and shows the change at once, with ATTACH=YES or RESIZE=YES. oned does them to a VM in
POWEROFF too. It answers with WrongState for every other reason as well: no such disk or image, an
address in use, a size that is not larger (measured on 6.10; ``DispatchManagerActions.cc``).

Every function raises the errors of ``opennebula.errors``.
"""

from one2one.opennebula.client import Caller
from one2one.opennebula.objects import fetch
from one2one.opennebula.resources import Resource
from one2one.opennebula.template import Template, Vector, to_xml


def attach_disk(client: Caller, vm_id: int, disk: Vector) -> None:
    """Give a VM one more disk. Each call gives another one."""
    client.call("one.vm.attach", vm_id, to_xml(Template([("DISK", disk)])))


def detach_disk(client: Caller, vm_id: int, disk_id: int) -> None:
    """Take a disk from a VM. A volatile one is lost."""
    client.call("one.vm.detach", vm_id, disk_id)


def resize_disk(client: Caller, vm_id: int, disk_id: int, size: int) -> None:
    """Make a disk larger: *size* in MB."""
    client.call("one.vm.diskresize", vm_id, disk_id, str(size))


def attach_nic(client: Caller, vm_id: int, nic: Vector) -> None:
    """Give a VM one more NIC. Each call gives another one."""
    client.call("one.vm.attachnic", vm_id, to_xml(Template([("NIC", nic)])))


def detach_nic(client: Caller, vm_id: int, nic_id: int) -> None:
    """Take a NIC from a VM."""
    client.call("one.vm.detachnic", vm_id, nic_id)


def get_image(client: Caller, image_id: int) -> Resource:
    """Return an image, if the caller may USE it."""
    return fetch(client, Resource.read, "IMAGE", "one.image.info", image_id)


def get_network(client: Caller, network_id: int) -> Resource:
    """Return a virtual network, if the caller may USE it."""
    return fetch(client, Resource.read, "VNET", "one.vn.info", network_id)
