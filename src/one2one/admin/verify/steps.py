"""The operations of a VM's life that a trial asks for, and what it means when one fails."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """An operation, and what it means when it fails."""

    check: str
    operation: str
    """As ``one.vm.action`` names it, or deploy, redeploy, recover-…"""
    needs: str
    """The state that both VMs are in before it."""
    state: str
    """The state that it leads to."""
    meaning: str


_SOFT = "Its guests do not follow the power button: use the hard variant, or install acpid in them"
_BACK = "A VM that was off there does not come back"

DEPLOY = Step("deploy", "deploy", "PENDING", "RUNNING", "No VM can be made there")
TERMINATE = Step("terminate", "terminate", "RUNNING", "DONE", _SOFT)
POWEROFF_HARD = Step(
    "poweroff, hard", "poweroff-hard", "RUNNING", "POWEROFF", "VMs there cannot be stopped"
)
RESUME = Step("resume, cut off", "resume", "POWEROFF", "RUNNING", _BACK)
LIFE = (
    Step("suspend", "suspend", "RUNNING", "SUSPENDED", "Its hypervisor cannot save a VM's memory"),
    Step("resume, suspended", "resume", "SUSPENDED", "RUNNING", _BACK),
    Step("poweroff", "poweroff", "RUNNING", "POWEROFF", _SOFT),
    Step("resume, powered off", "resume", "POWEROFF", "RUNNING", _BACK),
    POWEROFF_HARD,
    RESUME,
    Step("reboot", "reboot", "RUNNING", "RUNNING", _SOFT),
    Step("reboot, hard", "reboot-hard", "RUNNING", "RUNNING", "VMs there cannot be reset"),
    Step("undeploy", "undeploy", "RUNNING", "UNDEPLOYED", _SOFT),
    Step("deploy again", "redeploy", "UNDEPLOYED", "RUNNING", _BACK),
    Step("undeploy, hard", "undeploy-hard", "RUNNING", "UNDEPLOYED", "VMs stay on its hosts"),
    Step("deploy, cut off", "redeploy", "UNDEPLOYED", "RUNNING", _BACK),
    Step("stop", "stop", "RUNNING", "STOPPED", "Its hypervisor cannot save a VM's memory"),
    Step("resume, stopped", "redeploy", "STOPPED", "RUNNING", _BACK),
)
RECREATE = Step(
    "recreate", "recover-recreate", "RUNNING", "RUNNING", "A broken VM cannot be replaced"
)
"""It includes the new VM's deployment."""
DELETE = Step("delete", "recover-delete", "RUNNING", "DONE", "A broken VM cannot be deleted")
