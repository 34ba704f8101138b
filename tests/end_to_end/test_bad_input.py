"""Whatever is wrong, the user gets one clear line, the remote keeps nothing, the driver goes on."""

from base64 import b64encode

import pytest

from one2one.opennebula.states import State, VmState
from one2one.opennebula.template import Template, Value
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import Delivery
from tests.end_to_end.binary_service import binary_service
from tests.end_to_end.burst import TEMPLATE, WAYS, Burst, burst, of_the_host

HOST_CASES: list[tuple[dict[str, Value], str, str]] = [
    ({"ONE_USER": ""}, "host burst1 has no ONE_USER", "onehost update burst1"),
    ({"ONE_ENDPOINT": " "}, "host burst1 has no ONE_ENDPOINT", "onehost update burst1"),
    ({"ONE_ENDPOINT": "cloud.example.org"}, "not the URL of an XML-RPC", "Use http://"),
    ({"ONE_ENDPOINT": "http://127.0.0.1:1/RPC2"}, "cannot connect", "Check that the cloud runs"),
    ({"ONE_PASSWORD": "wrong"}, "couldn't be authenticated", "Check the user and password"),
    ({"ONE_TIMEOUT": "soon"}, "ONE_TIMEOUT='soon' instead of a number", "onehost update burst1"),
    (
        {"ONE_CA_FILE": "/nowhere/ca.pem", "ONE_ENDPOINT": "https://127.0.0.1:1"},
        "cannot read the certificate authorities in /nowhere/ca.pem",
        "Set ONE_CA_FILE",
    ),
]
"""What is wrong with the host, what the user is told, and what helps."""
TEMPLATE_CASES: list[tuple[dict[str, Value], str, str]] = [
    ({"PUBLIC_CLOUD": {"TYPE": "ec2"}}, "has no PUBLIC_CLOUD", "Add PUBLIC_CLOUD"),
    ({"PUBLIC_CLOUD": {"TYPE": "opennebula"}}, "TEMPLATE_ID is ''", "Write it as"),
    (
        {"PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "web"}},
        "TEMPLATE_ID is 'web'",
        "Write it as",
    ),
    (
        {"PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "2147483648"}},
        "TEMPLATE_ID is '2147483648' instead of the id of a remote template",
        "Write it as",
    ),
    (
        {"PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "999"}},
        "Error getting virtual machine template [999]",
        "Write the id of a template",
    ),
    (
        {"CONTEXT": {"FILES": "/etc/passwd"}},
        "CONTEXT/FILES names files of the local front-end",
        "Remove FILES",
    ),
]
FAULTS: list[tuple[Delivery, str, str]] = [
    (
        faults.answer_garbage(),
        "not an XML-RPC answer",
        "Check that the endpoint is an OpenNebula's",
    ),
    (faults.cut_xml, "not an XML-RPC answer", "Check that the endpoint is an OpenNebula's"),
    (faults.truncate, "broke off", "Check that the cloud runs"),
    (
        faults.answer_http_error("500 Internal Server Error"),
        "HTTP 500",
        "Check that the cloud runs",
    ),
    (faults.drop_before, "closed without an answer", "Check that the cloud runs"),
    (faults.redirect("http://127.0.0.1:1/"), "redirects are not followed", "Set the endpoint"),
    (faults.answer_endlessly, "the answer is longer than 256 MB", "Check that the endpoint is"),
]


def check_refusal(both: Burst, words: str, remedy: str, **template: Value) -> None:
    """Deploy a VM and see that the user is told why not, and that nothing was made."""
    alive = both.alive()
    vm = both.vm(**template)
    vm.deploy(both.host)
    vm.wait("BOOT_FAILURE")
    both.frontend.wait_for_log(f"DEPLOY FAILURE {vm.id}")
    assert words in vm.error
    assert remedy in vm.error
    assert f"[VM {vm.id}, host burst1" in vm.error
    endpoint = both.host.template.text("ONE_ENDPOINT").strip()
    assert endpoint in vm.error or words.startswith(("host burst1 has no", "ONE_TIMEOUT"))
    told = "\n".join([*vm.log, *both.frontend.log])
    assert both.cloud.password not in told
    assert "Traceback" not in told
    assert both.alive() == alive


def test_a_wrong_host_attribute() -> None:
    with burst() as both:
        good = of_the_host(both.cloud) | {"ONE_TIMEOUT": "", "ONE_CA_FILE": ""}
        plain: dict[str, Value] = {"ONE_ENDPOINT": both.cloud.endpoint.replace("http:", "https:")}
        cases = [*HOST_CASES, (plain, "closed instead of answering in TLS", "Use http://")]
        for attributes, words, remedy in cases:
            both.host.update(**good | attributes)
            check_refusal(both, words, remedy)
        both.host.update(**good)
        both.run_vm()  # the driver uses the correct value at once


@pytest.mark.parametrize(("generation", "way"), [("5.10", "resident"), ("6.10", "scripts")])
def test_an_endpoint_where_a_database_listens(generation: str, way: str) -> None:
    with binary_service() as url, burst(generation, way, ONE_ENDPOINT=url) as both:
        check_refusal(both, r"not an HTTP answer", "Check that the endpoint is an OpenNebula's")
        vm = both.vm()
        vm.deploy(both.host)
        vm.wait("BOOT_FAILURE")
        assert r"J\x00\x00\x00" in vm.error
        assert vm.error.isprintable()
        assert len(vm.error) < 1100


def test_a_reason_phrase_that_a_terminal_would_act_on() -> None:
    with burst() as both:
        fault = faults.answer_http_error("500 \x1b[31m\x07" + "x" * 5000)
        both.cloud.faults.on(fault, "one.template.info", times=None)
        check_refusal(both, r"HTTP 500 \x1b[31m\x07xxx", "Check that the cloud runs")
        assert both.frontend.pools.find_vm(0).user_template.text("ERROR").isprintable()


def test_a_wrong_template() -> None:
    with burst() as both:
        for template, words, remedy in TEMPLATE_CASES:
            check_refusal(both, words, remedy, **template)
        both.run_vm()


@pytest.mark.parametrize("generation", ["5.10", "6.10", "7.2"])
def test_scripts_fail_as_each_shell_understands(generation: str) -> None:
    with burst(generation, "scripts") as both:
        wrong: Value = {"TYPE": "opennebula", "TEMPLATE_ID": "x"}
        check_refusal(both, "TEMPLATE_ID is 'x'", "Write it as", PUBLIC_CLOUD=wrong)


def test_an_account_that_may_not() -> None:
    with burst() as both:
        both.cloud.owner.quotas.limit(VMS=0)
        check_refusal(both, "limit of 0 reached for VMS quota", "Raise the quota")
        both.cloud.owner.quotas.limit(VMS=-1)
        both.cloud.owner.group.creates_templates = False
        check_refusal(both, "Not authorized to perform CREATE TEMPLATE", "oneacl create")
        both.cloud.owner.group.creates_templates = True
        both.run_vm()


@pytest.mark.parametrize("way", WAYS)
def test_a_remote_that_answers_wrongly(way: str) -> None:
    with burst(way=way) as both:
        for fault, words, remedy in FAULTS if way == "resident" else FAULTS[1:4]:
            both.cloud.faults.on(fault, "one.template.info", times=None)
            check_refusal(both, words, remedy)
            both.cloud.faults.clear()
        both.run_vm()


def test_an_instantiate_whose_answer_is_lost_makes_one_vm() -> None:
    with burst() as both:
        both.cloud.faults.on(faults.drop_after, "one.template.instantiate")
        vm = both.run_vm()
        assert both.alive() == [both.remote_id(vm)]


def test_a_remote_vm_that_vanished() -> None:
    with burst() as both:
        vm = both.run_vm()
        both.cloud.act(both.remote_id(vm), "terminate-hard")
        both.wait_remote(vm, "DONE")
        for deploy_id in (vm.deploy_id, "opennebula-hybrid-9999"):
            both.frontend.pools.find_vm(vm.id).deploy_id = deploy_id
            vm.act("poweroff")
            vm.wait_for_log("is DONE and cannot become POWEROFF")
            vm.wait("RUNNING")
            assert f"VM {vm.id}, {deploy_id}, host burst1, {both.cloud.endpoint}" in vm.error
            assert "See what happened to it" in vm.error
        vm.act("terminate")
        vm.wait("DONE")


@pytest.mark.parametrize("way", WAYS)
def test_marks_tell_the_remote_vm_where_oned_lost_its_deploy_id(way: str) -> None:
    with burst(way=way) as both:
        vm = both.run_vm()
        remote_id = both.remote_id(vm)
        for action, state in (("poweroff", "POWEROFF"), ("resume", "RUNNING")):
            both.frontend.pools.find_vm(vm.id).deploy_id = f"one-{vm.id}"
            vm.act(action)
            vm.wait(state)
        assert both.remote_id(vm) == remote_id, "starting it gave oned the deploy id back"
        both.frontend.pools.find_vm(vm.id).deploy_id = f"one-{vm.id}"
        vm.recover("delete")
        vm.wait("DONE")
        assert both.cloud.wait_for(remote_id, State(VmState.DONE))


def test_a_deploy_id_that_is_not_ours() -> None:
    with burst() as both:
        vm = both.run_vm()
        both.cloud.act(both.remote_id(vm), "terminate-hard")
        both.wait_remote(vm, "DONE")
        for deploy_id in ("one-7", "opennebula-hybrid-", "opennebula-hybrid-x"):
            both.frontend.pools.find_vm(vm.id).deploy_id = deploy_id
            vm.act("suspend")
            vm.wait_for_log(f"{deploy_id!r} is not of the form opennebula-hybrid-<remote VM id>")
            vm.wait("RUNNING")
            assert f"VM {vm.id}, {deploy_id}, host burst1, {both.cloud.endpoint}" in vm.error
            assert "onevm recover --delete" in vm.error


@pytest.mark.parametrize(
    ("generation", "way"),
    [("5.10", "scripts"), ("6.10", "resident")],
)
def test_a_guest_that_ignores_the_power_button(generation: str, way: str) -> None:
    with burst(generation, way) as both:
        vm = both.run_vm()
        guest = both.cloud.vms[both.remote_id(vm)]
        guest.user_template = Template([*guest.user_template, ("SANDBOX_IGNORES_ACPI", "YES")])
        for action in ("poweroff", "terminate"):
            vm.act(action)
            vm.wait_for_log(f"its guest or hypervisor did not follow {action}")
            vm.wait("RUNNING")
            assert f"still RUNNING: its guest or hypervisor did not follow {action}" in vm.error
            if generation == "5.10":  # oned asks whether the VM runs
                both.frontend.wait_for_log(f"POLL SUCCESS {vm.id} STATE=a")
                assert vm.state == "RUNNING"
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")


def test_the_remote_vm_of_another_deploy_id_is_left_alone() -> None:
    with burst() as both:
        vm = both.run_vm()
        foreign = both.cloud.instantiate(
            0, "theirs", "<T><REMOTE_OPENNEBULA_VM_ID>77</REMOTE_OPENNEBULA_VM_ID></T>"
        )
        both.frontend.pools.find_vm(vm.id).deploy_id = f"opennebula-hybrid-{foreign.id}"
        vm.act("terminate-hard")
        vm.wait_for_log("carries the marks of VM 77, by the Ruby driver")
        vm.wait("RUNNING")
        assert foreign.id in both.alive()


def test_lines_that_oned_never_sends() -> None:
    nowhere = b64encode(b"<T><HOST>burst1</HOST><VM><ID>1</ID><STATE>3</STATE></VM></T>").decode()
    with burst() as both:
        for line in [
            "",
            "garbage",
            "DEPLOY  x y",
            f"SAVE  {'9' * 5000} x",
            "REBOOT  1 !!",
            "DEPLOY  1 PHg+PC94Pg==",
        ]:
            both.frontend.driver.send(f"{line}\n")
        both.frontend.wait_for_log("no VM id in it")
        both.frontend.driver.send(f"REBOOT  1 {nowhere}")
        both.frontend.wait_for_log("REBOOT FAILURE 1 oned sent VM 1 without a history record")
        both.run_vm(**TEMPLATE)
