import json
import os
import signal
import subprocess
from typing import Any

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template
from tests.admin.clouds import Clouds
from tests.admin.command import ONE2ONE


def list_pairs(clouds: Clouds) -> list[dict[str, Any]]:
    rows = json.loads(clouds.output("status", "--json"))
    assert isinstance(rows, list)
    return rows


def test_status_shows_both_sides(clouds: Clouds) -> None:
    vm = clouds.run_vm()
    [pair] = list_pairs(clouds)
    [remote] = clouds.remote.vms
    assert (pair["id"], pair["name"], pair["state"]) == (vm.id, "web", "RUNNING")
    assert (pair["remote_id"], pair["remote_state"]) == (remote.id, "RUNNING")
    assert pair["host"] == "burst1"
    assert pair["problem"] == ""
    assert pair["addresses"]


def test_status_says_that_the_states_differ(newest: Clouds) -> None:
    newest.run_vm()
    [remote] = newest.remote.vms
    newest.remote.act(remote.id, "poweroff-hard")
    assert newest.remote.wait_for(remote.id, State(VmState.POWEROFF))
    [pair] = list_pairs(newest)
    assert pair["problem"] == "the states differ"
    assert "the states differ" in newest.output("status")


def test_status_says_what_the_remote_failed_at(newest: Clouds) -> None:
    newest.run_vm()
    [remote] = newest.remote.vms
    remote.state = State(VmState.ACTIVE, LcmState.PROLOG_FAILURE)
    newest.remote.vms.note_change(remote)
    [pair] = list_pairs(newest)
    assert pair["problem"] == (
        "remote VM 0 is PROLOG_FAILURE: the remote's storage could not bring its disks"
    )


def test_status_says_that_the_remote_vm_is_gone(clouds: Clouds) -> None:
    clouds.run_vm()
    [remote] = clouds.remote.vms
    clouds.remote.act(remote.id, "terminate-hard")
    assert clouds.remote.wait_for(remote.id, State(VmState.DONE))
    [pair] = list_pairs(clouds)
    assert pair["problem"] == "its remote VM is gone"


def test_status_of_a_powered_off_pair_is_fine(newest: Clouds) -> None:
    vm = newest.run_vm()
    vm.act("poweroff-hard")
    vm.wait("POWEROFF")
    [pair] = list_pairs(newest)
    assert (pair["state"], pair["remote_state"], pair["problem"]) == ("POWEROFF", "POWEROFF", "")


def test_status_without_the_remote_shows_the_local_side(newest: Clouds) -> None:
    newest.run_vm()
    newest.remote.server.stop()
    [pair] = list_pairs(newest)
    assert pair["state"] == "RUNNING"
    assert pair["remote_state"] == ""
    assert "Connection refused" in pair["problem"]


def test_status_watches_until_ctrl_c(newest: Clouds) -> None:
    newest.run_vm()
    front_end = newest.front_end
    with subprocess.Popen(
        # A shell that starts the tests in the background lets them ignore Ctrl-C.
        ["env", "--default-signal=INT", ONE2ONE, "status", "--watch", "--csv", "--no-header"],
        env=front_end.home.environment(front_end.endpoint),
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        first, second = command.stdout.readline(), command.stdout.readline()
        command.send_signal(signal.SIGINT)
        assert command.wait() == 0
    assert first.split(",")[:4] == second.split(",")[:4] == ["0", "web", "RUNNING", "burst1"]


def test_show_tells_marks_and_log(clouds: Clouds) -> None:
    vm = clouds.run_vm()
    log = clouds.front_end.home.var / "vms" / str(vm.id) / "vm.log"
    log.write_text("\n".join(f"line {number}" for number in range(30)) + "\n")
    both = json.loads(clouds.output("show", str(vm.id), "--json"))
    [remote] = clouds.remote.vms
    assert both["local"]["state"] == both["remote"]["state"] == "RUNNING"
    assert both["remote"]["id"] == remote.id
    assert both["marks"]["whose"] == "this VM's"
    assert both["log"][-1] == "line 29"
    assert "line 29" in clouds.output("show", str(vm.id))


def test_show_tells_how_old_the_usage_is(newest: Clouds) -> None:
    vm = newest.run_vm()
    assert json.loads(newest.output("show", str(vm.id), "--json"))["usage_age"] is None
    stored = newest.front_end.pools.find_vm(vm.id)
    stored.monitoring = Template([("REMOTE_USAGE_TIME", "2020-02-20T20:20:20Z")])
    age = json.loads(newest.output("show", str(vm.id), "--json"))["usage_age"]
    assert age > 5 * 365 * 86400


def test_show_without_the_remote_says_why(newest: Clouds) -> None:
    vm = newest.run_vm()
    newest.remote.server.stop()
    assert "Connection refused" in newest.output("show", str(vm.id))


def test_an_unknown_vm_is_one_line(newest: Clouds) -> None:
    assert "[99]" in newest.failure("show", "99")


def test_without_credentials_it_is_one_line(newest: Clouds) -> None:
    nowhere = {"ONE_AUTH": "/nonexistent", "HOME": os.devnull}
    assert "no credentials" in newest.failure("status", environment=nowhere)


def test_what_was_started_at_the_remote_is_named_with_its_remedy(newest: Clouds) -> None:
    vm = newest.run_vm()
    vm.act("undeploy-hard")
    vm.wait("UNDEPLOYED")
    [remote] = newest.remote.vms
    newest.remote.act(remote.id, "resume")
    assert newest.remote.wait_for(remote.id, RUNNING)
    [pair] = list_pairs(newest)
    assert pair["problem"] == "its remote VM was started there"
    rows = json.loads(newest.run("doctor", "burst1", "--json").stdout)
    [row] = [row for row in rows if row["check"] == "started VMs"]
    assert f"local VM {vm.id} (UNDEPLOYED)" in row["text"]
    assert "onevm resume" in row["remedy"]

    vm.act("resume")
    newest.front_end.call("one.vm.deploy", vm.id, 0)
    vm.wait("RUNNING")
    assert [one.id for one in newest.remote.vms] == [remote.id]
