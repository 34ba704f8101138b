"""Whatever is wrong, the user gets one clear line, the remote keeps nothing, the driver goes on."""

import pytest
from burst import GENERATIONS, TEMPLATE, WAYS, Burst, burst

from one2one.opennebula.template import Template, Value
from one2one.sandbox.cloud import faults
from one2one.sandbox.cloud.server import Delivery

HOST_CASES: list[tuple[dict[str, Value], str]] = [
    ({"ONE_USER": ""}, "host burst1 has no ONE_USER"),
    ({"ONE_ENDPOINT": "cloud.example.org"}, "not the URL of an XML-RPC"),
    ({"ONE_ENDPOINT": "http://127.0.0.1:1/RPC2"}, "cannot connect"),
    ({"ONE_PASSWORD": "wrong"}, "couldn't be authenticated"),
    ({"ONE_TIMEOUT": "soon"}, "ONE_TIMEOUT='soon' instead of a number"),
    ({"ONE_CA_FILE": "/nowhere/ca.pem", "ONE_ENDPOINT": "https://127.0.0.1:1"}, "cannot read"),
]
TEMPLATE_CASES: list[tuple[dict[str, Value], str]] = [
    ({"PUBLIC_CLOUD": {"TYPE": "ec2"}}, "has no PUBLIC_CLOUD"),
    ({"PUBLIC_CLOUD": {"TYPE": "opennebula"}}, "TEMPLATE_ID is ''"),
    ({"PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "web"}}, "TEMPLATE_ID is 'web'"),
    (
        {"PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "999"}},
        "Error getting virtual machine template [999]",
    ),
    ({"CONTEXT": {"FILES": "/etc/passwd"}}, "CONTEXT/FILES names files of the local front-end"),
]


def refused(both: Burst, words: str, **template: Value) -> None:
    vm = both.vm(**template)
    vm.deploy(both.host)
    vm.wait("BOOT_FAILURE")
    assert words in vm.error
    assert "host burst1" in vm.error
    assert f"VM {vm.id}" in vm.error
    assert both.cloud.password not in "\n".join([*vm.log, *both.frontend.log])
    assert both.alive() == []


@pytest.mark.parametrize(("attributes", "words"), HOST_CASES)
def test_a_wrong_host_attribute(attributes: dict[str, Value], words: str) -> None:
    with burst() as both:
        good = dict(both.host.template)
        both.host.update(**attributes)
        refused(both, words)
        both.host.update(
            ONE_USER=both.cloud.user,
            ONE_PASSWORD=both.cloud.password,
            ONE_ENDPOINT=good["ONE_ENDPOINT"],
            ONE_TIMEOUT="30",
            ONE_CA_FILE="",
        )
        both.running()  # the driver goes on, and what was corrected counts at once


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_template(way: str) -> None:
    with burst(way=way) as both:
        for template, words in TEMPLATE_CASES:
            refused(both, words, **template)
        both.running()


@pytest.mark.parametrize("generation", ["5.10", "6.10", "7.2"])
def test_scripts_fail_as_each_shell_understands(generation: str) -> None:
    with burst(generation, "scripts") as both:
        refused(both, "TEMPLATE_ID is 'x'", PUBLIC_CLOUD={"TYPE": "opennebula", "TEMPLATE_ID": "x"})


def test_a_quota_that_is_used_up() -> None:
    with burst() as both:
        both.cloud.owner.quotas.limit(VMS=0)
        refused(both, "limit of 0 reached for VMS quota")


def test_an_account_that_may_not_add_attributes() -> None:
    with burst() as both:
        both.cloud.owner.group.creates_templates = False
        refused(both, "Not authorized to perform CREATE TEMPLATE")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.garbage(), "not an XML-RPC answer"),
        (faults.truncate, "broke off"),
        (faults.http_error("500 Internal Server Error"), "HTTP 500"),
        (faults.drop_before, "closed without an answer"),
        (faults.redirect("http://127.0.0.1:1/"), "redirects are not followed"),
    ],
)
def test_a_remote_that_answers_wrongly(fault: Delivery, words: str) -> None:
    with burst() as both:
        both.running()
        both.cloud.faults.on(fault, "one.template.info", times=None)
        vm = both.vm()
        vm.deploy(both.host)
        vm.wait("BOOT_FAILURE")
        assert words in vm.error
        assert len(both.alive()) == 1
        both.cloud.faults.clear()
        both.running()


def test_an_instantiate_whose_answer_is_lost_makes_one_vm() -> None:
    with burst() as both:
        both.cloud.faults.on(faults.drop_after, "one.template.instantiate")
        vm = both.running()
        assert both.alive() == [both.remote_id(vm)]


def test_a_remote_vm_that_vanished() -> None:
    with burst() as both:
        vm = both.running()
        both.cloud.act(both.remote_id(vm), "terminate-hard")
        both.wait_remote(vm, "DONE")
        vm.act("poweroff")
        vm.wait_for_log("is DONE and cannot become POWEROFF")
        vm.wait("RUNNING")
        vm.act("terminate")
        vm.wait("DONE")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_guest_that_ignores_the_power_button(generation: str, way: str) -> None:
    with burst(generation, way) as both:
        vm = both.running()
        guest = both.cloud.vms[both.remote_id(vm)]
        guest.user_template = Template([*guest.user_template, ("SANDBOX_IGNORES_ACPI", "YES")])
        for action in ("poweroff", "terminate"):
            vm.act(action)
            vm.wait_for_log(f"its guest or hypervisor did not follow {action}")
            vm.wait("RUNNING")
            assert f"still RUNNING: its guest or hypervisor did not follow {action}" in vm.error
            if generation == "5.10":  # it doubts that the VM still runs, and asks
                both.frontend.wait_for_log(f"POLL SUCCESS {vm.id} STATE=a")
                assert vm.state == "RUNNING"
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")


def test_a_deploy_id_of_somebody_else_is_left_alone() -> None:
    with burst() as both:
        vm = both.running()
        foreign = both.cloud.instantiate(
            0, "theirs", "<T><REMOTE_OPENNEBULA_VM_ID>77</REMOTE_OPENNEBULA_VM_ID></T>"
        )
        both.frontend.pools.vm(vm.id).deploy_id = f"opennebula-hybrid-{foreign.id}"
        vm.act("terminate-hard")
        vm.wait_for_log("carries the marks of VM 77 of another cloud")
        vm.wait("RUNNING")
        assert foreign.id in both.alive()


def test_lines_that_oned_never_sends() -> None:
    with burst() as both:
        for line in ["", "garbage", "DEPLOY  x y", "REBOOT  1 !!", "DEPLOY  1 PHg+PC94Pg=="]:
            both.frontend.driver.send(f"{line}\n")
        both.frontend.wait_for_log("no VM id in it")
        both.running(**TEMPLATE)
