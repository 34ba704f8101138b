"""``one2one usage``: what each user's VMs used, by both clouds, and what the remote asks for it."""

import csv
import io
import json
import time
import xmlrpc.client
from typing import Any

import pytest

from opennebula_sandbox.cloud.faults import answer_garbage
from opennebula_sandbox.cloud.objects import Vm
from tests.admin.clouds import Clouds, remote_id

HOUR_S = 3600


def find_remote(clouds: Clouds, number: int) -> Vm:
    vm = clouds.remote.oned.vms.get(number)
    assert vm
    return vm


def age(vm: Vm, hours: float) -> None:
    """Let a VM have run for so many hours."""
    record = vm.history[-1]
    record.stime = record.rstime = int(time.time() - hours * HOUR_S)


@pytest.fixture
def number(clouds: Clouds) -> int:
    """Give a VM that ran for 10 hours here, and for 9 there; return its id there."""
    vm = clouds.run_vm()
    number = remote_id(vm)
    age(clouds.front_end.oned.pools.vms[vm.id], 10)
    age(find_remote(clouds, number), 9)
    return number


def read(clouds: Clouds, *options: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(clouds.output("usage", "--json", *options))
    return rows


def test_both_sides_are_shown_with_their_difference(clouds: Clouds, number: int) -> None:
    (row,) = read(clouds)
    assert (row["host"], row["user"], row["group"]) == ("burst1", "oneadmin", "oneadmin")
    assert (row["local_vms"], row["remote_vms"]) == (1, 1)
    shown = [row[name] for name in ("local_hours", "remote_hours", "hours_difference")]
    assert shown == pytest.approx([10, 9, -1], abs=0.05)
    assert row["remote_cpu_hours"] == pytest.approx(0.9, abs=0.05)
    assert row["cost"] is None
    ago = time.localtime(time.time() - 5 * HOUR_S)
    (half,) = read(clouds, "--days", "1", "--until", time.strftime("%Y-%m-%dT%H:%M", ago), "burst1")
    assert (half["local_hours"], half["remote_hours"]) == pytest.approx((5, 4), abs=0.05)


def test_the_cost_is_that_of_the_showback(clouds: Clouds, number: int) -> None:
    find_remote(clouds, number).template.add("CPU_COST", "2")
    assert read(clouds)[0]["cost"] is None  # nothing is calculated yet
    clouds.remote.oned.showback_until = int(time.time())
    assert read(clouds)[0]["cost"] == pytest.approx(9 * 0.1 * 2, abs=0.05)


def test_csv_has_a_line_for_each_owner(clouds: Clouds, number: int) -> None:
    (line,) = csv.DictReader(io.StringIO(clouds.output("usage", "--csv")))
    assert (line["HOST"], line["USER"], line["COST"]) == ("burst1", "oneadmin", "-")
    assert float(line["HOURS"]) == pytest.approx(10, abs=0.05)


def test_a_remote_that_is_away_leaves_its_columns_empty(clouds: Clouds, number: int) -> None:
    clouds.remote.stop()
    done = clouds.run("usage", "--json")
    assert done.returncode == 1
    assert done.stderr.startswith("host burst1: one.vmpool.accounting at ")
    (row,) = json.loads(done.stdout)
    assert row["local_hours"] == pytest.approx(10, abs=0.05)
    assert row["remote_hours"] is row["hours_difference"] is row["cost"] is None


def test_what_cannot_be_sent_at_once_is_asked_for_in_parts(clouds: Clouds, number: int) -> None:
    fault = xmlrpc.client.Fault(-500, "contains an item that is not valid UTF-8")
    body = xmlrpc.client.dumps(fault, methodresponse=True).encode()
    clouds.remote.faults.on(answer_garbage(body), "one.vmpool.accounting", times=3)
    assert read(clouds)[0]["remote_hours"] == pytest.approx(9, abs=0.05)


def test_a_record_that_cannot_be_read_is_told(clouds: Clouds, number: int) -> None:
    answer = "<HISTORY_RECORDS><HISTORY><VM><ID>99999999999</ID></VM></HISTORY></HISTORY_RECORDS>"
    body = xmlrpc.client.dumps(((True, answer, 0),), methodresponse=True).encode()
    clouds.remote.faults.on(answer_garbage(body), "one.vmpool.accounting", times=1)
    done = clouds.run("usage", "--json")
    assert done.returncode == 1
    assert done.stderr.startswith("host burst1: HISTORY ? cannot be read, and does not count: <VM>")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", "2037-01-01"], "the time ends before it begins"),
        (["--since", "yesterday"], "'yesterday' does not match the formats"),
        (["--since", "2020-01-01", "--days", "3"], "leave one out"),
        (["--days", "0"], "0 is not in the range"),
        (["--since", "1066-10-14"], "1066-10-14 is not between 1970 and 2038"),
        (["nowhere"], "there is no hybrid host nowhere"),
    ],
)
def test_bad_input_is_one_line(newest: Clouds, options: list[str], said: str) -> None:
    assert said in newest.failure("usage", *options)
