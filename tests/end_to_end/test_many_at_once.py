"""A burst of VMs reads shared data a few times, not once a VM."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, deliver
from tests.end_to_end.burst import burst

MANY = 40


def test_a_burst_reads_host_template_and_listing_a_few_times() -> None:
    arrived, asked = threading.Event(), Counter[str]()

    def count_call(request: ApiRequest) -> Iterator[bytes]:
        asked[request.method] += 1
        arrived.wait()
        return deliver(request)

    with burst() as both:
        both.run_vm()  # the host has its ONE_HYBRID_ID
        both.cloud.calls.clear()
        vms = [both.vm() for _ in range(MANY)]
        both.frontend.faults.on(count_call, times=None)
        for vm in vms:
            vm.deploy(both.host)
        arrived.set()
        for vm in vms:
            vm.wait("RUNNING")
        asked += both.cloud.calls.counts()
        for method in ("one.host.info", "one.template.info", "one.vmpool.info"):
            assert 0 < asked[method] < MANY / 2, method
        assert asked["one.template.instantiate"] == MANY
        assert len({both.remote_id(vm) for vm in vms}) == MANY


def test_a_template_that_was_changed_counts_for_the_next_deployment() -> None:
    with burst() as both:
        both.run_vm()
        templates = both.cloud.oned.templates
        changed = Template([("CONTEXT", {"GREETING": "changed"}), *templates[0].template])
        templates[0] = replace(templates[0], template=changed)
        vm = both.run_vm()
        remote = both.cloud.vms[both.remote_id(vm)]
        assert remote.template.vector("CONTEXT")["GREETING"] == "changed"
