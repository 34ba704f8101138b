"""Every command goes on when the account has odd VMs."""

import json

import pytest

from tests.admin.clouds import Clouds, open_clouds, remote_id
from tests.end_to_end.poison import poison


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_every_command_tells_of_the_others(generation: str) -> None:
    with open_clouds(generation) as clouds:
        front_end, remote = clouds.front_end, clouds.remote
        host = clouds.add_host()
        vm, lost = clouds.run_vm(host), clouds.run_vm(host)
        gone = remote_id(lost)
        poison(remote, host.template.text("ONE_HYBRID_ID"))
        unseen = front_end.add_vm({"CPU": "1", "MEMORY": "1"}, name="\N{GRINNING FACE}")
        with front_end.clock.lock:
            del front_end.pools.vms[lost.id]

        [pair] = json.loads(clouds.output("status", "--json"))
        assert (pair["remote_id"], pair["remote_state"]) == (remote_id(vm), "RUNNING")
        assert pair["problem"] == ""
        assert (
            json.loads(clouds.output("show", str(vm.id), "--json"))["remote"]["state"] == "RUNNING"
        )
        [orphan] = json.loads(clouds.output("reap", "--dry-run", "--json"))
        assert orphan["remote_id"] == gone

        rows = json.loads(clouds.run("doctor", "--json").stdout)
        found = {row["check"]: (row["severity"], row["text"]) for row in rows}
        severity, text = found["readable VMs"]
        assert severity == "warning"
        assert f"VM {unseen.id} (its answer holds a character" in text
        severity, text = found["readable remote VMs"]
        assert severity == "warning"
        assert text.count("cannot be read") == 1
        assert found["deploy ids"][0] == "ok"
        assert found["lost VMs"] == (
            "warning",
            f"remote VMs without a local VM: {gone} (there is no local VM {lost.id})",
        )


def test_a_vm_whose_remote_vm_cannot_be_read_is_told_so(newest: Clouds) -> None:
    vm = newest.run_vm()
    newest.remote.vms[remote_id(vm)].user_template.add("NOTE", "\N{GRINNING FACE}")
    newest.remote.vms[remote_id(vm)].name = "\N{GRINNING FACE}"
    newest.remote.vms.note_change(newest.remote.vms[remote_id(vm)])

    [pair] = json.loads(newest.output("status", "--json"))
    assert pair["problem"].startswith(
        "its remote VM cannot be read: its answer holds a character beyond"
    )
    assert json.loads(newest.output("show", str(vm.id), "--json"))["problem"]
    rows = json.loads(newest.run("doctor", "--json").stdout)
    assert next(row for row in rows if row["check"] == "deploy ids")["severity"] == "ok"
