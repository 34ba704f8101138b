"""Whose a VM is and how its user gets in, on both sides, through a real driver process."""

import socket

import pytest

from one2one.opennebula.template import Template, Value, Vector
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import PAIRS, TEMPLATE, Burst, burst

KEY = "ssh-ed25519 AAAAC3Nz ann@example.org"
REMOTE_CONTEXT: Vector = {
    "NETWORK": "YES",
    "SSH_PUBLIC_KEY": "$USER[SSH_PUBLIC_KEY]",
    "SET_HOSTNAME": "$NAME",
}
SYNCED: dict[str, Value] = {
    "CONTEXT": {"SSH_PUBLIC_KEY": "$USER[SSH_PUBLIC_KEY]", "SET_HOSTNAME": "$NAME"}
}


def run_for_ann(both: Burst, template: dict[str, Value], *, key: str = KEY) -> LocalVm:
    """Return a running VM called shop, made of *template* by the user ann with her *key*."""
    both.cloud.oned.templates[0].template = Template(
        [("CPU", "0.1"), ("MEMORY", "128"), ("CONTEXT", REMOTE_CONTEXT)]
    )
    both.cloud.owner.template = Template([("SSH_PUBLIC_KEY", "the remote account's")])
    pools = both.frontend.pools
    pools.expands_context = True
    both.frontend.add_user("ann", "annpass")
    if key:
        pools.accounts.users["ann"].template.add("SSH_PUBLIC_KEY", key)
    number = both.frontend.add_template(TEMPLATE | template)
    answer = both.frontend.api(
        "one.template.instantiate", ("ann:annpass", number, "shop", False, "", False)
    )
    assert answer[0], answer
    vm = LocalVm(int(answer[1]), pools, both.frontend.call)
    vm.deploy(both.host)
    vm.wait("RUNNING")
    return vm


def guest_context(both: Burst, vm: LocalVm) -> Vector:
    return both.cloud.vms[both.remote_id(vm)].template.vector("CONTEXT")


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_the_guest_gets_the_key_and_the_name_that_its_user_has_here(
    generation: str, way: str
) -> None:
    with burst(generation, way) as both:
        vm = run_for_ann(both, SYNCED)
        context = guest_context(both, vm)
        assert context["SSH_PUBLIC_KEY"] == KEY
        assert context["SET_HOSTNAME"] == "shop"
        assert context["NETWORK"] == "YES"
        told = both.cloud.vms[both.remote_id(vm)].user_template
        assert told.text("ONE_LOCAL_NAME") == "shop"
        assert told.text("ONE_LOCAL_USER") == "ann"
        assert told.text("ONE_LOCAL_GROUP") == "users"
        assert told.text("ONE_LOCAL_FRONTEND") == socket.gethostname()


def test_a_user_without_a_key_does_not_get_that_of_the_remote_account() -> None:
    with burst() as both:
        context = guest_context(both, run_for_ann(both, SYNCED, key=""))
        assert context.get("SSH_PUBLIC_KEY", "") == ""


def test_what_the_local_template_does_not_set_is_told_in_the_log_of_the_vm() -> None:
    with burst() as both:
        vm = run_for_ann(both, {})
        assert guest_context(both, vm)["SSH_PUBLIC_KEY"] == "the remote account's"
        vm.wait_for_log("CONTEXT has the remote account's SET_HOSTNAME, SSH_PUBLIC_KEY")


def test_a_vm_that_sets_all_says_nothing() -> None:
    with burst() as both:
        vm = run_for_ann(both, SYNCED)
        vm.wait_for_log("created from template 0")
        assert "remote account" not in "".join(both.frontend.pools.vm_logs[vm.id])
