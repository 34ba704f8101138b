"""What Prometheus reads from real driver processes, and what contrib/ makes of it."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import promql_parser
import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from tests.end_to_end.burst import DRIVER, TEMPLATE, Burst, burst

CONTRIB = Path(__file__).parents[2] / "contrib"
QUICK = MonitoringSettings(
    interval=1, timer=1, beacon_host=1, state_vm=1, monitor_host=1, monitor_vm=1
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class MonitoredBurst(Burst):
    """Both sides, and the ports of both drivers."""

    vmm_port: int
    im_port: int

    def read(self, port: int) -> dict[str, Metric]:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, port: int, name: str, **labels: str) -> float:
        """The sum of the samples of that name with at least these labels."""
        wanted = (labels | {"one_host_id": str(self.host.id)}).items()
        return sum(
            sample.value
            for family in self.read(port).values()
            for sample in family.samples
            if sample.name == f"opennebula_hybrid_{name}" and wanted <= sample.labels.items()
        )

    def wait_value(self, expected: float, port: int, name: str, **labels: str) -> None:
        """Visit again and again, as Prometheus does, until the value is there."""
        deadline = time.monotonic() + 30
        while (found := self.value(port, name, **labels)) != expected:
            assert time.monotonic() < deadline, f"{name} is {found}, not {expected}"
            time.sleep(0.05)

    def lose_step(self) -> None:
        """Power a VM off at the remote, and wait until its local VM has followed."""
        vm = self.run_vm()
        before = self.value(self.im_port, "state_lag_seconds_count")
        self.cloud.act(self.remote_id(vm), "poweroff-hard")
        vm.wait("POWEROFF")
        self.wait_value(before + 1, self.im_port, "state_lag_seconds_count")
        self.wait_value(0, self.im_port, "vms_out_of_step")


@contextmanager
def start_with_metrics(generation: str = "6.10") -> Iterator[MonitoredBurst]:
    vmm_port, im_port = free_port(), free_port()
    with burst(
        generation,
        arguments=f"-t 15 -r 0 --metrics 127.0.0.1:{vmm_port} one",
        im_arguments=f"--metrics 127.0.0.1:{im_port} one",
        monitoring=QUICK,
        ONE_CAPACITY={"CPU": "400", "MEMORY": "2048"},
    ) as both:
        yield MonitoredBurst(both.cloud, both.frontend, both.host, vmm_port, im_port)


@pytest.fixture(scope="module")
def clouds() -> Iterator[MonitoredBurst]:
    with start_with_metrics() as both:
        yield both


def test_operations_are_counted_by_action_and_answer(clouds: MonitoredBurst) -> None:
    vm = clouds.run_vm()
    before = clouds.value(clouds.vmm_port, "operations_total", action="SHUTDOWN", result="SUCCESS")
    vm.act("poweroff")
    vm.wait("POWEROFF")
    after = before + 1
    clouds.wait_value(
        after, clouds.vmm_port, "operations_total", action="SHUTDOWN", result="SUCCESS"
    )
    clouds.wait_value(after, clouds.vmm_port, "operation_duration_seconds_count", action="SHUTDOWN")
    failed = clouds.value(clouds.vmm_port, "operations_total", action="DEPLOY", result="FAILURE")
    refused = clouds.frontend.add_vm(TEMPLATE | {"PUBLIC_CLOUD": {"TYPE": "ec2"}})
    refused.deploy(clouds.host)
    refused.wait("BOOT_FAILURE")
    clouds.wait_value(
        failed + 1, clouds.vmm_port, "operations_total", action="DEPLOY", result="FAILURE"
    )


def test_an_action_that_is_refused_at_once_is_counted_as_a_failure(clouds: MonitoredBurst) -> None:
    vm = clouds.run_vm()
    vm.attach_nic(NETWORK_ID="0")
    vm.wait_for_log("ATTACHNIC is not supported")
    clouds.wait_value(1, clouds.vmm_port, "operations_total", action="ATTACHNIC", result="FAILURE")


def test_calls_are_counted_by_result_and_timed(clouds: MonitoredBurst) -> None:
    made = {"call": "one.template.instantiate"}
    before = clouds.value(clouds.vmm_port, "calls_total", **made, result="ok")
    clouds.run_vm()
    assert clouds.value(clouds.vmm_port, "calls_total", **made, result="ok") == before + 1
    clouds.cloud.owner.group.creates_templates = False
    vm = clouds.frontend.add_vm(TEMPLATE)
    vm.deploy(clouds.host)
    vm.wait("BOOT_FAILURE")
    clouds.cloud.owner.group.creates_templates = True
    assert clouds.value(clouds.vmm_port, "calls_total", **made, result="not_authorized") == 1
    assert clouds.value(clouds.vmm_port, "call_duration_seconds_count", **made) == before + 2


def test_the_host_and_its_vms_are_shown_as_monitoring_reads_them(clouds: MonitoredBurst) -> None:
    alive = sum(str(vm.state) == "RUNNING" for vm in clouds.cloud.vms)
    clouds.run_vm()
    clouds.wait_value(alive + 1, clouds.im_port, "vms", state="RUNNING")
    clouds.wait_value(400, clouds.im_port, "cpu_total_ratio")
    clouds.wait_value(2048 * 2**20, clouds.im_port, "mem_total_bytes")
    clouds.wait_value(1, clouds.im_port, "remote_up")
    clouds.lose_step()
    clouds.wait_value(alive + 1, clouds.im_port, "vms", state="RUNNING")


def test_a_remote_vm_that_is_reaped_is_counted_once() -> None:
    with start_with_metrics() as both:
        vm, _ = both.run_vm(), both.run_vm()
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        both.end_long_ago(vm)
        both.wait_remote(vm, "DONE")
        both.wait_value(1, both.im_port, "orphans_reaped_total")
        both.rounds(1)
        assert both.value(both.im_port, "orphans_reaped_total") == 1


def test_an_outage_is_shown_and_a_deleted_host_is_not() -> None:
    with start_with_metrics() as both:
        both.wait_value(1, both.im_port, "remote_up")
        both.cloud.server.stop()
        both.wait_value(0, both.im_port, "remote_up")
        assert both.value(both.im_port, "calls_total", result="unreachable") > 0
        both.wait_value(1, both.im_port, "remote_rests")
        both.frontend.call("one.host.delete", both.host.id)
        both.wait_value(0, both.im_port, "states_read_timestamp_seconds")


def test_the_oldest_monitoring_is_counted_too() -> None:
    with start_with_metrics("5.10") as both:
        both.run_vm()
        both.wait_value(1, both.im_port, "vms", state="RUNNING")


@pytest.mark.parametrize(
    ("option", "said"),
    [("--metrics nonsense", "--metrics is ADDRESS:PORT"), ("--metrics 192.0.2.1:9", "Going on")],
)
def test_what_does_not_work_is_one_line_and_the_drivers_go_on(option: str, said: str) -> None:
    arguments = f"{option} one"
    with burst(
        arguments=arguments, im_arguments=arguments, monitoring=MonitoringSettings()
    ) as both:
        both.host.wait("MONITORED")
        both.run_vm()
        both.frontend.wait_for_log(said)


def test_without_the_library_the_driver_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ImportError('no prometheus_client')\n")
    done = subprocess.run(
        [DRIVER, "--metrics 127.0.0.1:1 one"],
        input=b"INIT\nDRIVER_CANCEL  0 -\nFINALIZE\n",
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith(b"INIT SUCCESS\n")
    assert b"LOG E -1 --metrics 127.0.0.1:1: no prometheus_client. Install" in done.stdout


def expressions() -> dict[str, str]:
    """Every PromQL expression in contrib/, by where it is."""
    found: dict[str, str] = {}
    rules = yaml.safe_load((CONTRIB / "prometheus/rules.yml").read_text())
    for group in rules["groups"]:
        found |= {rule["alert"]: rule["expr"] for rule in group["rules"]}
    dashboard = json.loads((CONTRIB / "grafana/one2one.json").read_text())
    for panel in dashboard["panels"]:
        found |= {f"{panel['title']} {t['refId']}": t["expr"] for t in panel["targets"]}
    for variable in dashboard["templating"]["list"][1:]:
        found[variable["name"]] = variable["query"]["query"].split("(")[1].split(",")[0]
    return found


def selectors(node: object) -> Iterator[tuple[str, set[str]]]:
    """Each metric that an expression reads, with the labels that it looks at."""
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name), {matcher.name for matcher in node.matchers.matchers}
    for name in dir(node):
        if name in ("expr", "lhs", "rhs", "vector_selector"):
            yield from selectors(getattr(node, name))
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


def test_dashboard_and_alerts_use_what_the_drivers_export(clouds: MonitoredBurst) -> None:
    """Every name and label, and nothing exported is left unused."""
    clouds.run_vm().act("poweroff")
    clouds.lose_step()
    clouds.run_vm()
    alive = sum(str(vm.state) == "RUNNING" for vm in clouds.cloud.vms)
    clouds.wait_value(alive, clouds.im_port, "vms", state="RUNNING")
    exported: dict[str, set[str]] = {}
    families = [*clouds.read(clouds.vmm_port).values(), *clouds.read(clouds.im_port).values()]
    for family in families:
        exported.setdefault(f"{family.name}_total", set())
        for sample in family.samples:
            exported.setdefault(sample.name, set()).update(sample.labels)
    used = set()
    for where, expression in expressions().items():
        for name, labels in selectors(promql_parser.parse(expression)):
            assert name in exported, f"{where}: no driver exports {name}"
            assert labels <= exported[name] | {"one_host_id", "job"}, f"{where}: {labels} of {name}"
            used.add(name)
    ours = {family.name for family in families if family.name.startswith("opennebula_hybrid_")}
    assert not [name for name in ours if not any(u.startswith(name) for u in used)]


def test_the_operators_page_has_every_name(clouds: MonitoredBurst) -> None:
    clouds.run_vm()
    page = (CONTRIB.parent / "docs/operations.md").read_text()
    rows = page.split("| name, after `opennebula_hybrid_`")[1].split("\n\n")[0].splitlines()[2:]
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    families = [*clouds.read(clouds.vmm_port).values(), *clouds.read(clouds.im_port).values()]
    exported = {
        family.name.removeprefix("opennebula_hybrid_") + "_total" * (family.type == "counter")
        for family in families
        if family.name.startswith("opennebula_hybrid_")
    }
    assert sorted(documented) == sorted(exported)
