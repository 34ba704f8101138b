"""What all calls that change a VM have in common."""

from collections.abc import Callable

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import User, find_quotas
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.quotas import sum_amounts, sum_running_amounts
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm import lifecycle
from opennebula_sandbox.cloud.vm.creation import NOT_STORABLE, is_storable
from opennebula_sandbox.cloud.vm.resources import NotGiven, NotOwned


def plug(
    oned: RemoteOned,
    user: User,
    vm: Vm,
    kind: str,
    purpose: str,
    template: Template,
    end: Callable[[bool], Template] | None = None,
) -> int:
    """Give *vm* the new *template* at once, and enter the hot-plug state of this *kind*.

    *end* gets whether the driver succeeded, and returns the template of the VM after that.
    """
    check(vm, template)
    before = vm.state

    def finish(success: bool) -> None:
        if end is not None:
            store(oned, vm, end(success))

    if not oned.machine.hotplug(vm, kind, user, lambda: store(oned, vm, template), finish):
        raise Refusal(ErrorCode.ACTION, f"Could not {purpose}, wrong state {before}.")
    return vm.id


def check(vm: Vm, template: Template) -> None:
    """Raise Refusal if the database cannot hold *vm* with this *template*."""
    if not is_storable(vm.name, template):
        raise Refusal(ErrorCode.INTERNAL, NOT_STORABLE)


def store(oned: RemoteOned, vm: Vm, template: Template) -> None:
    """Give *vm* the new *template*, and count the difference for the quotas of its owner."""
    owner = oned.accounts.find_user(vm.uid)
    for quotas in find_quotas(owner) if owner else ():
        for counted, sign in ((vm.template, -1), (template, 1)):
            quotas.count(sum_amounts(counted), sign)
            quotas.count_devices(counted, sign)
            if lifecycle.counts_as_running(vm.state):
                quotas.count(sum_running_amounts(counted), sign)
    vm.template = template
    oned.vms.note_change(vm)


def not_given_error(user: User, error: NotOwned | NotGiven) -> Refusal:
    """Return the refusal of a disk or NIC that the cloud cannot give."""
    if isinstance(error, NotGiven):
        return Refusal(ErrorCode.ACTION, str(error))
    kind, name, _ = error.args
    return Refusal(ErrorCode.ACTION, f"User {user.id} does not own a {kind} with name: {name} .")
