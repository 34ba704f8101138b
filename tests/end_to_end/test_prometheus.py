"""A real Prometheus: it scrapes both drivers, and its promtool tests the alert rules."""

import json
import shutil
import subprocess
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from opennebula_sandbox.cloud.faults import answer_http_error
from tests.end_to_end.test_metrics import (
    CONTRIB,
    MonitoredBurst,
    expressions,
    free_port,
    start_with_metrics,
)

RULES = CONTRIB / "prometheus/rules.yml"
TESTS = Path(__file__).parents[1] / "data/alerts.yml"
WAIT_S = 60

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="the distribution's package prometheus is not installed",
)


def promtool(*arguments: str | Path) -> None:
    command = ["promtool", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def read_alerts() -> set[str]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}


def test_the_rules_are_right_and_each_alert_comes_and_stays_away() -> None:
    promtool("check", "rules", RULES)
    promtool("test", "rules", TESTS)
    alerts = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
    }
    quiet, loud = yaml.safe_load(TESTS.read_text())["tests"]
    assert {test["alertname"] for test in quiet["alert_rule_test"]} == alerts
    [firing] = loud["promql_expr_test"]
    assert len(firing["exp_samples"]) == len(alerts)


class Prometheus:
    """A Prometheus that scrapes two drivers, as contrib says."""

    def __init__(self, port: int) -> None:
        self._port = port

    def query(self, expression: str) -> list[Any]:
        query = urlencode({"query": expression})
        with urlopen(f"http://127.0.0.1:{self._port}/api/v1/query?{query}", timeout=10) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
        return found

    def wait_for(self, expression: str) -> None:
        """Ask again and again until there is data other than NaN."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                if any(one["value"][1] != "NaN" for one in self.query(expression)):
                    return
            except (urllib.error.URLError, ConnectionError):
                pass  # it starts
            assert time.monotonic() < deadline, f"no data: {expression}"
            time.sleep(0.3)


@contextmanager
def scrape(clouds: MonitoredBurst, directory: Path) -> Iterator[Prometheus]:
    jobs = (CONTRIB / "prometheus/scrape.yml").read_text()
    jobs = jobs.replace("localhost:9927", f"127.0.0.1:{clouds.vmm_port}")
    jobs = jobs.replace("localhost:9928", f"127.0.0.1:{clouds.im_port}")
    configuration = {
        "global": {"scrape_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": yaml.safe_load(jobs),
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield Prometheus(port)
        finally:
            process.terminate()


def test_every_query_of_the_dashboard_has_data(tmp_path: Path) -> None:
    with start_with_metrics() as clouds, scrape(clouds, tmp_path) as prometheus:
        prometheus.wait_for('count(up{job="one2one"} == 1) == 2')
        reaped = clouds.run_vm()
        reaped.act("poweroff-hard")
        reaped.wait("POWEROFF")
        clouds.end_long_ago(reaped)
        clouds.lose_step()
        prometheus.wait_for("opennebula_hybrid_state_lag_seconds_count")
        clouds.lose_step()  # a rate needs two
        clouds.cloud.faults.on(answer_http_error("500 No"), "one.vmpool.infoset", times=2)
        clouds.run_vm()
        for name, expression in expressions().items():
            if name not in read_alerts():
                prometheus.wait_for(expression.replace("$host", ".*"))
