"""``one2one template``: local templates in step with a remote's, and the administrator's left."""

import json
import os
import pty
import signal
import subprocess
from typing import Any

import pytest

from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Value
from opennebula_sandbox.cloud.faults import answer_garbage, drop_after, drop_before, refuse, run
from opennebula_sandbox.cloud.wire.xmlrpc import write_answer
from tests.admin.clouds import Clouds
from tests.admin.command import ONE2ONE

Step = dict[str, Any]

EMPTY_POOL = "<VMTEMPLATE_POOL></VMTEMPLATE_POOL>"


@pytest.fixture(autouse=True)
def host(request: pytest.FixtureRequest) -> None:
    name = "clouds" if "clouds" in request.fixturenames else "newest"
    request.getfixturevalue(name).add_host("burst1")


def steps(clouds: Clouds, *options: str, status: int = 0) -> list[Step]:
    """Run it and return what it did."""
    done = clouds.run("template", "sync", "burst1", "--json", *options)
    assert done.returncode == status, done.stderr
    found: list[Step] = json.loads(done.stdout)
    return found


def sync(clouds: Clouds, *options: str, status: int = 0) -> dict[int, str]:
    """Run it and return what it did, by remote template."""
    return {step["remote_id"]: step["action"] for step in steps(clouds, *options, status=status)}


def local_templates(clouds: Clouds) -> list[VmTemplate]:
    """Return the local templates, oldest first."""
    cloud = Cloud([Endpoint(clouds.front_end.endpoint)], clouds.front_end.session)
    try:
        return sorted(cloud.list_templates(), key=lambda template: template.id)
    finally:
        cloud.close()


def add_remote(clouds: Clouds, name: str = "added", **attributes: Value) -> int:
    """Let the remote have one more template, whatever its attributes say; return its id."""
    size: dict[str, Value] = {"CPU": "1", "MEMORY": "128"}
    template = Template((size | attributes).items())
    return clouds.remote.oned.add_template(clouds.remote.oneadmin, name, template).id


def list_templates(clouds: Clouds) -> dict[int, Any]:
    return {row["id"]: row for row in json.loads(clouds.output("template", "list", "burst1", "-j"))}


def test_a_list_tells_sizes_and_local_templates(clouds: Clouds) -> None:
    sync(clouds, "0")
    rows = list_templates(clouds)
    [local] = local_templates(clouds)
    assert rows[0]["local"] == [local.id]
    assert rows[0]["memory"] == "128"
    assert rows[1]["local"] == []


def test_a_list_names_what_guests_get_from_the_remote_account(newest: Clouds) -> None:
    told = "CONTEXT lacks SSH_PUBLIC_KEY: set it here, or run one2one template sync burst1"
    assert newest.output("template", "list", "burst1").count(told) == 2
    assert [row["not_set"] for row in list_templates(newest).values()] == [
        ["SSH_PUBLIC_KEY"],
        [],
        ["SSH_PUBLIC_KEY"],
    ]
    by_hand = 'NAME="mine" PUBLIC_CLOUD=[TYPE="opennebula", TEMPLATE_ID="0"]'
    newest.front_end.call("one.template.allocate", by_hand)
    sync(newest)
    assert {
        number: row["not_set"] for number, row in list_templates(newest).items() if row["not_set"]
    } == {0: ["SSH_PUBLIC_KEY"]}
    newest.front_end.call("one.template.delete", 0)
    sync(newest)
    assert "CONTEXT lacks" not in newest.output("template", "list", "burst1")


def test_a_synced_template_runs(clouds: Clouds) -> None:
    assert sync(clouds) == {0: "create", 1: "create", 2: "create"}
    first, *_ = local_templates(clouds)
    vm = clouds.front_end.add_vm(first.id)
    clouds.front_end.call("one.vm.deploy", vm.id, 0)
    vm.wait("RUNNING")


def test_a_user_input_is_asked_for_here(newest: Clouds) -> None:
    inputs = {"DOMAIN": "M|text|Your domain", "MEMORY": "O|range||1..2|1", "FILES": "M|text|"}
    context = {"DOMAIN": "$DOMAIN", "SET_HOSTNAME": "$NAME", "START_SCRIPT": "true"}
    added = add_remote(newest, USER_INPUTS=inputs, CONTEXT=context, INPUTS_ORDER="MEMORY,DOMAIN")
    [made] = steps(newest, str(added))
    assert made["note"] == "not asked for here: FILES"
    [local] = local_templates(newest)
    assert local.template.vector("USER_INPUTS") == {"DOMAIN": inputs["DOMAIN"]}
    assert local.template.text("INPUTS_ORDER") == "DOMAIN"
    assert local.template.vector("CONTEXT") == {"DOMAIN": "$DOMAIN", "SET_HOSTNAME": "$NAME"}


def test_the_size_is_asked_for_where_the_host_gives_it_to_the_remote_vm(newest: Clouds) -> None:
    added = add_remote(newest, USER_INPUTS={"MEMORY": "O|range||64..256|128"})
    sync(newest, str(added))
    newest.front_end.call("one.host.update", 0, "ONE_SIZE = LOCAL", 1)
    [change] = steps(newest, str(added))[0]["changes"]
    assert (change["attribute"], change["new"]) == ("USER_INPUTS/MEMORY", "O|range||64..256|128")
    [local] = local_templates(newest)
    extra = "MEMORY = 256"
    vm_id = newest.front_end.call("one.template.instantiate", local.id, "", False, extra, False)
    newest.front_end.call("one.vm.deploy", vm_id, 0)
    assert newest.remote.wait_for(0, RUNNING)
    assert newest.remote.vms[0].template.text("MEMORY") == "256"


def test_an_input_that_users_may_not_set_is_left_out(newest: Clouds) -> None:
    newest.front_end.pools.restricted.append("BUDGET")
    added = add_remote(newest, USER_INPUTS={"BUDGET": "M|text|Whose money"})
    [made] = steps(newest, str(added))
    assert made["note"] == "not asked for here: BUDGET"


def test_syncing_again_changes_nothing(newest: Clouds) -> None:
    sync(newest)
    before = local_templates(newest)
    assert set(sync(newest).values()) == {"up to date"}
    assert local_templates(newest) == before


def test_what_was_added_stays_and_each_change_is_told(newest: Clouds) -> None:
    added = add_remote(newest, VCPU="2", USER_INPUTS={"PORT": "M|text|Port"})
    sync(newest, str(added))
    [local] = local_templates(newest)
    own = """
        DESCRIPTION = "ours"
        CONTEXT = [ PORT = "$PORT", VMID = "$VMID", KEY = "a, \\\"b\\\"" ]
        USER_INPUTS = [ PORT = "M|text|Port", COLOUR = "M|text|Colour" ]
        MEMORY = "256"
    """
    newest.front_end.call("one.template.update", local.id, own, 1)

    inputs: Value = {"HOST": "M|text|Host"}
    newest.remote.oned.templates[added].template = Template(
        [("CPU", "2"), ("MEMORY", "512"), ("USER_INPUTS", inputs)]
    )
    expected = [
        ("CONTEXT/HOST", "", "$HOST", False),
        ("CONTEXT/PORT", "$PORT", "", False),
        ("CPU", "1", "2", False),
        ("MEMORY", "256", "512", True),
        ("USER_INPUTS/HOST", "", "M|text|Host", False),
        ("USER_INPUTS/PORT", "M|text|Port", "", False),
        ("VCPU", "2", "", False),
    ]
    told = steps(newest, str(added), "--dry-run")
    assert [tuple(change.values()) for change in told[0]["changes"]] == expected
    assert steps(newest, str(added)) == told
    [changed] = local_templates(newest)
    assert {name: value for name, value in changed.template if name != "ONE2ONE_SYNC"} == {
        "CPU": "2",
        "MEMORY": "256",
        "DESCRIPTION": "ours",
        "CONTEXT": {"HOST": "$HOST", "VMID": "$VMID", "KEY": 'a, "b"'},
        "USER_INPUTS": {"HOST": "M|text|Host", "COLOUR": "M|text|Colour"},
        "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": str(added), "HOST": "burst1"},
        "SCHED_REQUIREMENTS": 'HYPERVISOR = "opennebula" & NAME = "burst1"',
    }
    assert sync(newest, str(added)) == {added: "up to date"}
    assert sync(newest, str(added), "--overwrite") == {added: "update"}
    assert local_templates(newest)[0].template.text("MEMORY") == "512"


def test_a_table_has_a_line_for_each_change(newest: Clouds) -> None:
    sync(newest, "0")
    newest.front_end.call("one.template.update", 0, 'MEMORY = "256"', 1)
    newest.remote.oned.templates[0].template = Template(
        [("CPU", "2"), ("MEMORY", "512"), ("VCPU", "4")]
    )
    lines = newest.output("template", "sync", "burst1", "0", "--csv", "--dry-run").splitlines()
    assert lines == [
        "ACTION,LOCAL,REMOTE,NAME,ATTRIBUTE,OLD,NEW,NOTE",
        "update,0,0,web,CONTEXT/SSH_PUBLIC_KEY,$USER[SSH_PUBLIC_KEY],-,-",
        "update,0,0,web,CPU,0.1,2,-",
        'update,0,0,web,MEMORY,256,512,"changed here, so it stays (--overwrite)"',
        "update,0,0,web,VCPU,1,4,-",
    ]


def test_odd_templates_are_skipped_and_the_others_made(newest: Clouds) -> None:
    odd = {
        add_remote(newest, "emoji", USER_INPUTS={"A": "M|text|\u2713 \ufffd\u202e"}): "terminal",
        add_remote(newest, "router", VROUTER="YES"): "virtual routers",
        add_remote(newest, "memory", MEMORY="abc"): "MEMORY is 'abc'",
        add_remote(newest, "cpu", CPU="-1e9"): "CPU is '-1e9'",
        add_remote(newest, "size", MEMORY=""): "no MEMORY",
        add_remote(newest, "\n"): "no name",
    }
    done = {step["remote_id"]: step for step in steps(newest, status=1)}
    for remote_id, reason in odd.items():
        assert done[remote_id]["action"] == "skip"
        assert reason in done[remote_id]["note"]
    assert len(local_templates(newest)) == 3
    assert sync(newest, "0") == {0: "up to date"}


def test_what_the_local_cloud_refuses_stops_no_other(newest: Clouds) -> None:
    newest.front_end.faults.on(refuse("no more today"), "one.template.allocate")
    done = steps(newest, status=1)
    assert [step["action"] for step in done] == ["failed", "create", "create"]
    assert done[0]["note"] == "no more today"
    assert sync(newest) == {0: "create", 1: "up to date", 2: "up to date"}


@pytest.mark.parametrize("fault", [drop_before, drop_after])
def test_what_was_interrupted_is_completed(newest: Clouds, fault: Any) -> None:
    newest.front_end.faults.on(fault, "one.template.allocate", nth=2)
    done = newest.run("template", "sync", "burst1", "--json")
    assert done.returncode == 255
    assert [step["action"] for step in json.loads(done.stdout)] == ["create"]
    made = len(local_templates(newest))
    assert list(sync(newest).values()).count("create") == 3 - made
    assert {template.name for template in local_templates(newest)} == {"web", "web-1", "web-2"}


def test_ctrl_c_tells_what_was_done(newest: Clouds) -> None:
    process = subprocess.Popen(
        [ONE2ONE, "template", "sync", "burst1", "--json"],
        env=newest.front_end.home.environment(newest.front_end.endpoint),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    newest.front_end.faults.on(
        run(lambda: process.send_signal(signal.SIGINT)), "one.template.allocate", nth=2
    )
    stdout, stderr = process.communicate()
    assert (process.returncode, stderr.strip()) == (255, "one2one: interrupted")
    assert 1 <= len(json.loads(stdout)) <= 2
    sync(newest)
    assert {template.name for template in local_templates(newest)} == {"web", "web-1", "web-2"}


def test_templates_made_by_hand_are_left_alone(newest: Clouds) -> None:
    by_hand = 'NAME="mine" CPU="9" PUBLIC_CLOUD=[TYPE="opennebula", TEMPLATE_ID="0"]'
    newest.front_end.call("one.template.allocate", by_hand)
    assert sync(newest, "0") == {0: "made by hand, left alone"}
    assert [t.template.text("CPU") for t in local_templates(newest)] == ["9"]


def test_a_name_that_is_taken_gets_the_host_behind_it(newest: Clouds) -> None:
    newest.front_end.call("one.template.allocate", 'NAME="web" CPU="1"')
    sync(newest, "0")
    assert {template.name for template in local_templates(newest)} == {"web", "web@burst1"}


def test_a_dry_run_only_tells(newest: Clouds) -> None:
    told = steps(newest, "--dry-run")
    assert local_templates(newest) == []
    ids = ("local_id",)
    done = steps(newest)
    assert [{k: v for k, v in step.items() if k not in ids} for step in done] == [
        {k: v for k, v in step.items() if k not in ids} for step in told
    ]


def test_prune_deletes_what_has_lost_its_remote_template(newest: Clouds) -> None:
    by_hand = 'NAME="mine" PUBLIC_CLOUD=[TYPE="opennebula", TEMPLATE_ID="77", HOST="burst1"]'
    newest.front_end.call("one.template.allocate", by_hand)
    sync(newest)
    del newest.remote.oned.templates[1]
    assert sync(newest)[1] == "gone at the remote"
    assert len(local_templates(newest)) == 4
    assert sync(newest, "--prune")[1] == "delete"
    names = {template.name for template in local_templates(newest)}
    assert names == {"mine", "web", "web-2"}


def test_nothing_is_pruned_while_the_remote_cannot_be_read(newest: Clouds) -> None:
    sync(newest)
    newest.remote.faults.on(answer_garbage(), "one.templatepool.info")
    newest.failure("template", "sync", "burst1", "--prune")
    assert len(local_templates(newest)) == 3


def test_nothing_is_pruned_that_a_list_only_left_out(newest: Clouds) -> None:
    sync(newest)
    nothing = write_answer([True, EMPTY_POOL, 0])
    newest.remote.faults.on(answer_garbage(nothing), "one.templatepool.info")
    assert set(sync(newest, "--prune").values()) == {"gone at the remote"}
    assert len(local_templates(newest)) == 3


def test_an_unknown_template_is_one_line(newest: Clouds) -> None:
    assert "template 99" in newest.failure("template", "sync", "burst1", "99")
    assert local_templates(newest) == []


def test_a_terminal_shows_how_far_it_is(newest: Clouds) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "wb") as stderr:
        done = subprocess.run(
            [ONE2ONE, "template", "sync", "burst1", "--csv", "--no-header"],
            env=newest.front_end.home.environment(newest.front_end.endpoint),
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=True,
        )
    shown = os.read(controller, 1 << 16)
    os.close(controller)
    assert b"Templates" in shown
    assert b"100%" in shown
    assert len(done.stdout.splitlines()) == 3
