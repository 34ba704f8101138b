"""Monitoring shows of a remote VM only what the marks say is the local VM's."""

import pytest

from one2one.driver.host_vms import HostVms
from one2one.driver.links import Links
from one2one.driver.remotes import Remote
from one2one.hybrid.naming import format_marks, read_marks
from one2one.opennebula.errors import Unreachable
from one2one.opennebula.records import VmSummary
from one2one.opennebula.template import Value
from tests.driver.scripted import BORN, drop
from tests.driver.world import HOST, HOST_ID, MARKS, World


class MonitoredHost:
    """The links of a host whose local VMs were just read."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vms = HostVms(HOST_ID, world.cloud)
        self.remote: Remote = world.open()
        self.links = Links(world.cloud, self.vms)

    def confirm(self, *, missing: bool = False) -> dict[int, int]:
        self.vms.read_host()
        self.vms.read()
        rows = (
            []
            if missing
            else [_summarize(vm.id, vm.stime) for vm in self.world.remote.vms.values()]
        )
        return self.links.confirm(self.remote, self.vms.map_remote_ids(), rows)

    def news(self) -> list[str]:
        return [refusal.cause for refusal in self.links.take_news()]


def _summarize(remote_id: int, stime: int) -> VmSummary:
    return VmSummary(remote_id, "", (3, 3), "", stime, 0, 0, -1, "", ())  # type: ignore[arg-type]


@pytest.fixture
def host(world: World) -> MonitoredHost:
    world.add_both()
    return MonitoredHost(world)


def test_a_link_that_the_marks_confirm_is_followed(host: MonitoredHost) -> None:
    assert host.confirm() == {7: 9}
    assert host.news() == []


@pytest.mark.parametrize(
    "mark",
    [{"REMOTE_OPENNEBULA_VM_ID": "12"}, {"ONE_HYBRID_ID": "hybrid-b"}, {"ONE_HYBRID_STAY": "1.0"}],
)
def test_a_link_that_the_marks_deny_is_not_followed(
    host: MonitoredHost, mark: dict[str, Value]
) -> None:
    host.world.remote.vms[9].user_template |= mark
    assert host.confirm() == {}
    assert host.news()[0].startswith("remote VM 9 is not VM 7's: it carries the marks of")


def test_a_denied_link_is_told_once_and_again_for_another_reason(host: MonitoredHost) -> None:
    marks = host.world.remote.vms[9].user_template
    marks["REMOTE_OPENNEBULA_VM_ID"] = "12"
    host.confirm()
    host.confirm()
    assert len(host.news()) == 1
    marks["REMOTE_OPENNEBULA_VM_ID"] = "13"
    host.links.forget_denied(host.remote)
    host.confirm()
    assert "carries the marks of VM 13" in host.news()[0]


def test_a_link_whose_marks_were_repaired_is_followed_again(host: MonitoredHost) -> None:
    marks = host.world.remote.vms[9].user_template
    marks["REMOTE_OPENNEBULA_VM_ID"] = "12"
    assert host.confirm() == {}
    marks["REMOTE_OPENNEBULA_VM_ID"] = "7"
    assert host.confirm() == {}, "marks are read once"
    host.links.forget_denied(host.remote)
    assert host.confirm() == {7: 9}


def test_a_link_to_a_vm_that_was_not_listed_is_kept(host: MonitoredHost) -> None:
    assert host.confirm(missing=True) == {7: 9}, "each is asked for alone"


def test_a_vm_that_cannot_be_read_is_not_followed(host: MonitoredHost) -> None:
    rows = [_summarize(9, BORN)]
    host.confirm(missing=True)
    del host.world.remote.vms[9]
    assert host.links.confirm(host.remote, {7: 9}, rows) == {}


def test_an_imported_vm_is_marked_when_it_is_first_seen(world: World) -> None:
    world.add_local(7, deploy_id="opennebula-hybrid-9", template={"IMPORTED": "YES"})
    vm = world.add_remote(9, marks=None)
    host = MonitoredHost(world)
    assert host.confirm() == {7: 9}
    assert read_marks(vm.read()) == MARKS
    assert host.confirm() == {7: 9}
    assert world.remote.count("vm.update") == 1


def test_a_vm_without_marks_that_was_not_imported_is_not_followed(world: World) -> None:
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    world.add_remote(9, marks=None)
    host = MonitoredHost(world)
    assert host.confirm() == {}
    assert "it carries no marks, and no import explains it" in host.news()[0]
    assert world.remote.count("vm.update") == 0


def test_a_vm_that_was_read_before_it_was_adopted_is_followed_at_once(world: World) -> None:
    vm = world.add_remote(9, marks=None)
    vm.name = "shop"
    host = MonitoredHost(world)
    assert host.confirm() == {}
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    vm.user_template = dict(format_marks(MARKS))
    host.remote.identities.read([_summarize(9, BORN)])
    assert host.confirm() == {7: 9}
    assert host.news() == []


def test_a_lost_answer_to_an_adoption_is_found_by_what_the_local_vm_names(world: World) -> None:
    public_cloud = {"TYPE": "opennebula", "VM_ID": "9", "HOST": HOST}
    world.add_local(7, "BOOT", user_template={"PUBLIC_CLOUD": public_cloud})
    world.add_remote(9).name = "shop"
    host = MonitoredHost(world)
    host.confirm()
    row = host.vms.rows[7]
    assert host.links.find_deploy_id(host.remote, row, world.now) == "opennebula-hybrid-9"
    world.remote.vms[9].user_template = {}
    assert host.links.find_deploy_id(host.remote, row, world.now) == ""


def test_what_a_user_wrote_wrong_keeps_no_other_from_being_found(world: World) -> None:
    public_cloud = {"TYPE": "opennebula", "VM_ID": "web"}
    world.add_local(7, "BOOT", user_template={"PUBLIC_CLOUD": public_cloud})
    host = MonitoredHost(world)
    host.confirm()
    row = host.vms.rows[7]
    assert host.links.find_deploy_id(host.remote, row, world.now) == ""


def test_an_outage_confirms_and_denies_nothing(host: MonitoredHost) -> None:
    host.world.remote.script("vmpool.infoset", drop)
    with pytest.raises(Unreachable):
        host.confirm()
    assert host.news() == []
