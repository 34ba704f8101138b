import json
import os
import pty
import subprocess
from typing import Any

import pytest

from one2one.opennebula.cloud import Cloud
from one2one.opennebula.connection import Server
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.faults import garbage
from tests.admin.clouds import Clouds
from tests.admin.command import ONE2ONE


@pytest.fixture(autouse=True)
def host(request: pytest.FixtureRequest) -> None:
    name = "clouds" if "clouds" in request.fixturenames else "newest"
    request.getfixturevalue(name).add_host("burst1")


def sync(clouds: Clouds, *options: str) -> dict[int, str]:
    """Run it and return what it did, by remote template."""
    steps = json.loads(clouds.output("template", "sync", "burst1", "--json", *options))
    return {step["remote_id"]: step["action"] for step in steps}


def local_templates(clouds: Clouds) -> list[VmTemplate]:
    cloud = Cloud(Server(clouds.front_end.endpoint), clouds.front_end.session)
    try:
        return cloud.vm_templates()
    finally:
        cloud.client.close()


def listed(clouds: Clouds) -> dict[int, Any]:
    return {row["id"]: row for row in json.loads(clouds.output("template", "list", "burst1", "-j"))}


def test_a_list_tells_sizes_and_local_templates(clouds: Clouds) -> None:
    sync(clouds, "0")
    rows = listed(clouds)
    [local] = local_templates(clouds)
    assert rows[0]["local"] == [local.id]
    assert rows[0]["memory"] == "128"
    assert rows[1]["local"] == []


def test_a_synced_template_runs(clouds: Clouds) -> None:
    assert sync(clouds) == {0: "create", 1: "create", 2: "create"}
    first, *_ = sorted(local_templates(clouds), key=lambda template: template.id)
    vm = clouds.front_end.add_vm(first.id)
    clouds.front_end.call("one.vm.deploy", vm.id, 0)
    vm.wait("RUNNING")


def test_a_user_input_reaches_the_remote_vm(newest: Clouds) -> None:
    inputs = {"DOMAIN": "M|text|Your domain", "MEMORY": "O|range||1..2|1"}
    template = Template([("CPU", "1"), ("USER_INPUTS", inputs), ("CONTEXT", {"DOMAIN": "$DOMAIN"})])
    added = newest.remote.oned.add_template(newest.remote.oneadmin, "with inputs", template)
    sync(newest, str(added.id))
    [local] = local_templates(newest)
    assert local.template.vector("USER_INPUTS") == {"DOMAIN": inputs["DOMAIN"]}
    assert local.template.vector("CONTEXT") == {"DOMAIN": "$DOMAIN"}


def test_syncing_again_changes_nothing(clouds: Clouds) -> None:
    sync(clouds)
    assert set(sync(clouds).values()) == {"up to date"}


def test_a_changed_size_is_taken_over_and_what_was_added_stays(clouds: Clouds) -> None:
    sync(clouds, "0")
    [local] = local_templates(clouds)
    added = 'DESCRIPTION = "ours"\nCONTEXT = [ SSH_PUBLIC_KEY = "$USER[SSH_PUBLIC_KEY]" ]'
    clouds.front_end.call("one.template.update", local.id, added, 1)
    assert sync(clouds, "0") == {0: "up to date"}

    remote = clouds.remote.oned.templates[0]
    remote.template = Template([("CPU", "2"), ("MEMORY", "4096")])
    assert sync(clouds, "0") == {0: "update"}
    [changed] = local_templates(clouds)
    assert changed.template.text("CPU") == "2"
    assert changed.template.text("MEMORY") == "4096"
    assert changed.template.text("DESCRIPTION") == "ours"
    assert changed.template.vector("CONTEXT") == {"SSH_PUBLIC_KEY": "$USER[SSH_PUBLIC_KEY]"}


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
    assert sync(newest, "--dry-run") == {0: "create", 1: "create", 2: "create"}
    assert local_templates(newest) == []


def test_prune_deletes_what_has_lost_its_remote_template(newest: Clouds) -> None:
    by_hand = 'NAME="mine" PUBLIC_CLOUD=[TYPE="opennebula", TEMPLATE_ID="77", HOST="burst1"]'
    newest.front_end.call("one.template.allocate", by_hand)
    sync(newest)
    del newest.remote.oned.templates[1]
    assert 1 not in sync(newest)
    assert sync(newest, "--prune")[1] == "delete"
    names = {template.name for template in local_templates(newest)}
    assert names == {"mine", "web", "web-2"}


def test_nothing_is_pruned_while_the_remote_cannot_be_read(newest: Clouds) -> None:
    sync(newest)
    newest.remote.faults.on(garbage(), "one.templatepool.info")
    newest.failure("template", "sync", "burst1", "--prune")
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
