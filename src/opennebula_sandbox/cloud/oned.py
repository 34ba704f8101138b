"""The oned of a simulated cloud with its parts; ``cloud.api`` has its calls."""

from collections.abc import Iterable
from typing import TypeVar

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import Accounts, Right, User
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.objects import SHARED, Host, Vm, VmTemplate
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.refusal import no_such_error, not_authorized_error
from opennebula_sandbox.cloud.vm.machine import Machine
from opennebula_sandbox.cloud.vm.resources import Resources
from opennebula_sandbox.cloud.vm.usage import Usage
from opennebula_sandbox.cloud.vm.vms import Vms
from opennebula_sandbox.cloud.wire.grammar import parse

Listed = TypeVar("Listed", Vm, VmTemplate)


class RemoteOned:
    """A cloud without its server. Callers hold ``clock.lock``."""

    def __init__(self, profile: Profile, clock: Clock, resources: Resources) -> None:
        self.profile = profile
        self.clock = clock
        self.resources = resources
        self.accounts = Accounts()
        self.hosts = [Host(number, f"hv{number + 1}") for number in range(3)]
        self.templates: dict[int, VmTemplate] = {}
        self.usage = Usage(clock, profile)
        self.vms = Vms(clock, profile, self.usage)
        self.machine = Machine(clock, profile, self.accounts, self.vms, self.hosts)
        self.showback_until = 0
        """Until when the showback was calculated: seconds since 1970."""
        self.newest_first = True
        """The order of pools: API_LIST_ORDER in oned.conf."""

    def parse(self, text: str) -> Template:
        """Return what a user gave, as this release keeps it; raises Refusal."""
        return parse(text, trims=self.profile.trims)

    def add_template(
        self, owner: User, name: str, template: Template, permissions: int = SHARED
    ) -> VmTemplate:
        """Register a VM template."""
        added = VmTemplate(
            id=len(self.templates),
            uid=owner.id,
            gid=owner.group.id,
            uname=owner.name,
            gname=owner.group.name,
            name=name,
            template=template,
            permissions=permissions,
            regtime=int(self.clock.now()),
        )
        self.templates[added.id] = added
        return added

    def find_vm(self, user: User, vm_id: int, right: Right) -> Vm:
        """Return a VM on which *user* has *right*; raises Refusal."""
        vm = self.vms.get(vm_id)
        if vm is None:
            raise no_such_error("virtual machine", vm_id)
        if not user.may(right, vm):
            raise _missing_right_error(user, right, f"VM [{vm_id}]")
        return vm

    def find_template(self, user: User, template_id: int, right: Right) -> VmTemplate:
        """Return a VM template on which *user* has *right*; raises Refusal."""
        template = self.templates.get(template_id)
        if template is None:
            raise no_such_error("virtual machine template", template_id)
        if not user.may(right, template):
            raise _missing_right_error(user, right, f"TEMPLATE [{template_id}]")
        return template

    def order_pool(self, newest_first: Iterable[Listed]) -> list[Listed]:
        """Return objects, given newest first, in the order of this cloud's pools."""
        objects = list(newest_first)
        return objects if self.newest_first else objects[::-1]


def _missing_right_error(user: User, right: Right, subject: str) -> Exception:
    return not_authorized_error(user.id, f"Not authorized to perform {right.name} {subject}")
