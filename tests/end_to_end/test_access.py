"""Whose a VM is and how its user gets in, on both sides, through a real driver process."""

import socket

import pytest

from tests.end_to_end.burst import GENERATIONS, TEMPLATE, WAYS, burst


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_remote_vm_tells_whose_it_is(generation: str, way: str) -> None:
    with burst(generation, way) as both:
        vm = both.frontend.add_vm(both.frontend.add_template(TEMPLATE), name="shop 1")
        vm.deploy(both.host)
        vm.wait("RUNNING")
        told = both.cloud.vms[both.remote_id(vm)].user_template
        assert told.text("ONE_LOCAL_NAME") == "shop 1"
        assert told.text("ONE_LOCAL_USER") == "oneadmin"
        assert told.text("ONE_LOCAL_GROUP") == "oneadmin"
        assert told.text("ONE_LOCAL_FRONTEND") == socket.gethostname()
