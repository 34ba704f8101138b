"""Both sides of one VM: its states, its marks, what was done with it lately."""

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from one2one.driver.local import LocalCloud, vm_log
from one2one.driver.remotes import Remotes
from one2one.hybrid.naming import HYBRID_ID, marked_id, owner, remote_id
from one2one.opennebula.errors import OneError, Refused
from one2one.opennebula.records import Vm

_LINES = 15


@dataclass(frozen=True)
class Side:
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
class Marks:
    """What the remote VM says of whose it is."""

    hybrid_id: str
    vm_id: int | None
    whose: str
    """What that means here."""


@dataclass(frozen=True)
class Both:
    """A hybrid VM."""

    local: Side
    host: str
    deploy_id: str
    remote: Side | None
    problem: str
    """Why there is nothing of the remote."""
    marks: Marks | None
    log: list[str]
    """The last lines of the VM's own log, oldest first."""


def read_both(local: LocalCloud, vm_id: int) -> Both:
    """Return both sides of a local VM; raises the errors of a local call."""
    vm = local.vm(vm_id)
    if not vm.history:
        raise Refused(f"VM {vm_id} was never on a host", remedy="Deploy it first")
    host = local.host(vm.history[-1].host_id)
    remote, problem, remotes = None, "", Remotes(local)
    try:
        remote = remotes.remote(host.id, host.name).cloud.vm(remote_id(vm.deploy_id))
    except OneError as error:
        problem = str(error)
    finally:
        remotes.close()
    return Both(
        local=_side(vm),
        host=host.name,
        deploy_id=vm.deploy_id,
        remote=_side(remote) if remote else None,
        problem=problem,
        marks=_marks(remote, vm_id, host.template.text(HYBRID_ID)) if remote else None,
        log=_log(vm_id, os.environ),
    )


def _side(vm: Vm) -> Side:
    return Side(
        id=vm.id,
        name=vm.name,
        state=str(vm.state),
        created=vm.stime,
        cpu=vm.template.text("CPU"),
        memory=vm.template.text("MEMORY"),
        error=vm.user_template.text("ERROR"),
    )


def _marks(remote: Vm, vm_id: int, hybrid_id: str) -> Marks:
    marked, found = marked_id(remote), owner(remote)
    if marked != vm_id:
        whose = "another VM's" if marked is not None else "nobody's: its marks name no VM"
    elif found is None:
        whose = "this VM's, by the Ruby driver"
    else:
        whose = "this VM's" if found.hybrid_id == hybrid_id else "a VM's of another host"
    return Marks(found.hybrid_id if found else "", marked, whose)


def _log(vm_id: int, environment: Mapping[str, str]) -> list[str]:
    try:
        with vm_log(vm_id, environment).open(errors="replace") as log:
            return [line.rstrip("\n") for line in deque(log, _LINES)]
    except OSError:
        return []
