"""OpenNebula's Python binding works with the sandbox and reads the right values."""

from collections.abc import Iterator

import pyone
import pytest

from one2one.opennebula.states import RUNNING, State, VmState
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.profile import PROFILES


@pytest.fixture(params=list(PROFILES))
def cloud(request: pytest.FixtureRequest) -> Iterator[SimulatedCloud]:
    with SimulatedCloud(request.param) as cloud:
        yield cloud


def test_pyone_sees_a_vm_through_its_life(cloud: SimulatedCloud) -> None:
    one = pyone.OneServer(cloud.endpoint, session=cloud.session)
    template = one.template.info(0)
    assert template.TEMPLATE["CONTEXT"]["NETWORK"] == "YES"
    names = [listed.NAME for listed in one.templatepool.info(-2, -1, -1).VMTEMPLATE]
    assert names == ["web-2", "web-1", "web"]
    vm_id = one.template.instantiate(0, "mine", False, {"TEMPLATE": {"MARK": 'a "b" <c>'}}, False)
    assert cloud.wait_for(vm_id, RUNNING)
    vm = one.vm.info(vm_id)
    assert (vm.NAME, vm.STATE, vm.LCM_STATE) == ("mine", 3, 3)
    assert vm.USER_TEMPLATE["MARK"] == 'a "b" <c>'
    assert vm.TEMPLATE["NIC"]["IP"] == "192.168.150.10"
    assert vm.HISTORY_RECORDS.HISTORY[0].HOSTNAME == "hv1"
    (row,) = one.vmpool.info(-3, -1, -1, -1).VM
    assert (vm_id, 3, "hv1:mine:dummy") == (row.ID, row.STATE, row.DEPLOY_ID)
    (extended,) = one.vmpool.infoextended(-3, -1, -1, -1).VM
    assert extended.USER_TEMPLATE["MARK"] == 'a "b" <c>'
    user, group = one.user.info(-1), one.group.info(-1)
    assert (user.NAME, user.VM_QUOTA.VM[0].VMS_USED) == ("burst", "1")
    assert group.VM_QUOTA.VM[0].RUNNING_CPU_USED == "0.10"
    one.vm.action("terminate-hard", vm_id)
    assert cloud.wait_for(vm_id, State(VmState.DONE))
    assert one.vm.info(vm_id).STATE == VmState.DONE


def test_pyone_meets_the_errors_that_it_knows(cloud: SimulatedCloud) -> None:
    one = pyone.OneServer(cloud.endpoint, session=cloud.session)
    with pytest.raises(pyone.OneNoExistsException, match=r"Error getting virtual machine \[7\]"):
        one.vm.info(7)
    with pytest.raises(pyone.OneAuthorizationException):
        one.host.info(0)
    cloud.owner.password = "changed"
    with pytest.raises(pyone.OneAuthenticationException):
        one.vm.info(7)
