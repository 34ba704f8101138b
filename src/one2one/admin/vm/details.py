"""Both sides of one VM: its states, its marks, and the end of its log."""

import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from one2one.driver.local import LocalCloud
from one2one.driver.locations import vm_log
from one2one.driver.remotes import Remotes
from one2one.hybrid.naming import HYBRID_ID, build_marks, parse_deploy_id
from one2one.hybrid.ownership import Identity, Ownership, judge
from one2one.hybrid.problems import find_problem
from one2one.hybrid.usage import read_usage_age
from one2one.hybrid.words import read_words
from one2one.opennebula.errors import OneError, Refused
from one2one.opennebula.records import Vm

_LINES = 15


@dataclass(frozen=True)
class CloudVm:
    """A VM in one of the two clouds."""

    id: int
    name: str
    state: str
    created: int
    """Seconds since 1970, by that cloud's clock."""
    cpu: str
    memory: str
    error: str
    """Why its last operation failed there."""


@dataclass(frozen=True)
class MarksView:
    """The marks of a remote VM, and their meaning here."""

    hybrid_id: str
    vm_id: int | None
    whose: str
    """What that means here."""


@dataclass(frozen=True)
class VmDetails:
    """A hybrid VM."""

    local: CloudVm
    host: str
    deploy_id: str
    remote: CloudVm | None
    problem: str
    """What is wrong with the remote VM, or why it could not be read; empty when nothing is."""
    marks: MarksView | None
    usage_age: int | None
    """Seconds since the remote measured the usage; None if it has not yet."""
    log: list[str]
    """The last lines of the VM's own log, oldest first."""


def read_details(local: LocalCloud, vm_id: int) -> VmDetails:
    """Return both sides of a local VM; raises the errors of a local call."""
    vm = local.get_vm(vm_id)
    if not vm.history:
        raise Refused(f"VM {vm_id} was never on a host", remedy="Deploy it first")
    host = local.get_host(vm.history[-1].host_id)
    remote, problem, remotes = None, "", Remotes(local)
    try:
        opened = remotes.open_for_host(host.id, host.name)
        remote = opened.cloud.get_vm(parse_deploy_id(vm.deploy_id))
        problem = find_problem(remote, secret=opened.settings.password)
    except OneError as error:
        problem = str(error)
    finally:
        remotes.close()
    return VmDetails(
        local=_describe_vm(vm, ""),
        host=host.name,
        deploy_id=vm.deploy_id,
        remote=_describe_vm(remote, opened.settings.password) if remote else None,
        problem=problem,
        marks=_describe_marks(remote, vm, host.template.text(HYBRID_ID)) if remote else None,
        usage_age=read_usage_age(vm.monitoring, time.time()),
        log=_read_log(vm_id, os.environ),
    )


def _describe_vm(vm: Vm, secret: str) -> CloudVm:
    return CloudVm(
        id=vm.id,
        name=vm.name,
        state=str(vm.state),
        created=vm.stime,
        cpu=vm.template.text("CPU"),
        memory=vm.template.text("MEMORY"),
        error=read_words(vm, "ERROR", secret),
    )


def _describe_marks(remote: Vm, vm: Vm, hybrid_id: str) -> MarksView:
    identity = Identity.read(remote)
    remote_marks, marks = identity.marks, build_marks(vm, hybrid_id)
    if judge(identity, marks) is Ownership.OURS:
        whose = "this VM's, by the Ruby driver" if identity.is_of_ruby_driver else "this VM's"
    elif remote_marks and remote_marks.hybrid_id != hybrid_id:
        whose = "a VM's of another host"
    elif remote_marks and remote_marks.vm_id == vm.id:
        whose = "an earlier VM's with this id"
    elif identity.marked_vm_id is not None:
        whose = "another VM's"
    else:
        whose = "no VM's: it has no marks of one"
    return MarksView(remote_marks.hybrid_id if remote_marks else "", identity.marked_vm_id, whose)


def _read_log(vm_id: int, environment: Mapping[str, str]) -> list[str]:
    try:
        with vm_log(vm_id, environment).open(errors="replace") as log:
            return [line.rstrip("\n") for line in deque(log, _LINES)]
    except OSError:
        return []
