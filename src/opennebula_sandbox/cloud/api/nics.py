"""The calls one.vm.… about a VM's NICs, and one.vn.info; see ``cloud.api.disks``."""

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.changes import not_given_error, plug
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal, no_such_error, not_authorized_error
from opennebula_sandbox.cloud.vm.devices import flag, next_id, settle
from opennebula_sandbox.cloud.vm.resources import NotGiven, NotOwned
from opennebula_sandbox.cloud.wire.render_resource import render_network

_ATTACHED = {"ATTACH": ""}


def attach_nic(oned: RemoteOned, user: User, vm_id: int, text: str) -> int:
    """Answer one.vm.attachnic."""
    vm, wanted = oned.find_vm(user, vm_id, Right.MANAGE), oned.parse(text).vector("NIC")
    if not wanted:
        words = "Wrong format or missing NIC/NIC_ALIAS/PCI attribute"
        raise Refusal(ErrorCode.ACTION, words)
    number = next_id(vm.template.vectors("NIC"), "NIC_ID")
    try:
        network = oned.resources.find_network(wanted)
        if network and not (network.shared or user.is_admin):
            raise not_authorized_error(user.id, f"Not authorized to perform USE NET [{network.id}]")
        nic = oned.resources.build_nic(wanted, vm_id, number)
    except (NotOwned, NotGiven) as error:
        raise not_given_error(user, error) from None
    template = Template([*vm.template, ("NIC", nic | {"ATTACH": "YES"})])

    def end(success: bool) -> Template:
        return _settle(oned, vm, number, keep=success)

    return plug(oned, user, vm, "nic-attach", f"add a new NIC to VM {vm_id}", template, end)


def detach_nic(oned: RemoteOned, user: User, vm_id: int, nic_id: int) -> int:
    """Answer one.vm.detachnic."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    purpose = f"detach NIC with NIC_ID {nic_id}"
    template = flag(vm, "NIC", nic_id, {"ATTACH": "YES"}, purpose)

    def end(success: bool) -> Template:
        return _settle(oned, vm, nic_id, keep=not success)

    return plug(oned, user, vm, "nic-detach", f"detach NIC from VM {vm_id}", template, end)


def network_info(oned: RemoteOned, user: User, network_id: int, *_decrypt: bool) -> str:
    """Answer one.vn.info."""
    network = oned.resources.networks.get(network_id)
    if network is None:
        raise no_such_error("virtual network", network_id)
    if not (network.shared or user.is_admin):
        raise not_authorized_error(user.id, f"Not authorized to perform USE NET [{network_id}]")
    return render_network(network)


def _settle(oned: RemoteOned, vm: Vm, number: int, *, keep: bool) -> Template:
    for nic in vm.template.vectors("NIC"):
        if nic["NIC_ID"] == str(number) and "NETWORK_ID" in nic and not keep:
            oned.resources.networks[int(nic["NETWORK_ID"])].release(nic.get("IP", ""))
    return settle(vm, "NIC", number, _ATTACHED, keep=keep)


METHODS = {
    "one.vm.attachnic": Method(attach_nic, (int, str)),
    "one.vm.detachnic": Method(detach_nic, (int, int)),
    "one.vn.info": Method(network_info, (int,), (bool,)),
}
