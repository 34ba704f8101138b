"""Calls to a remote that answers wrongly: they raise typed errors only."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from one2one.hybrid.hours import Span, measure_record
from one2one.opennebula import administration, devices, handover
from one2one.opennebula.accounting import Month
from one2one.opennebula.client import Client
from one2one.opennebula.cloud import Cloud, Update
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import OneError
from tests.hostile import checks
from tests.hostile.chance import Chance
from tests.hostile.ground import LONGEST_ANSWER, Ground

_IDS = [7, 8, 1000]
_SPAN = Span(0, 2.0**31)
Call = Callable[[Cloud], object]
_CALLS: tuple[Call, ...] = (
    lambda cloud: cloud.get_version(),
    lambda cloud: cloud.get_vm(7),
    lambda cloud: cloud.vm_action("poweroff", 7),
    lambda cloud: cloud.list_newest_vms(100),
    lambda cloud: cloud.list_vms(),
    lambda cloud: cloud.list_vms(range(7, 9)),
    lambda cloud: cloud.list_summaries(),
    lambda cloud: cloud.find_summary(7),
    lambda cloud: cloud.list_vms_by_id(_IDS),
    lambda cloud: cloud.list_summaries_by_id(_IDS),
    lambda cloud: cloud.list_whole_vms(),
    lambda cloud: cloud.list_whole_vms_by_id(_IDS),
    lambda cloud: cloud.list_monitoring_by_id(_IDS, lambda vm_id, _: vm_id),
    lambda cloud: cloud.get_template(0),
    lambda cloud: cloud.list_templates(),
    lambda cloud: administration.create_template(cloud, "NAME = x"),
    lambda cloud: administration.may_create_templates(cloud),
    lambda cloud: administration.update_template(cloud, 0, "A = b", Update.MERGE),
    lambda cloud: cloud.instantiate(0, "web", ""),
    lambda cloud: cloud.get_host(0),
    lambda cloud: cloud.list_hosts(),
    lambda cloud: administration.create_host(cloud, "burst1", "one", "one"),
    lambda cloud: cloud.get_quotas(),
    lambda cloud: administration.list_access_rules(cloud),
    lambda cloud: administration.list_datastores(cloud),
    lambda cloud: cloud.get_config(),
    lambda cloud: cloud.create_snapshot(7, "a"),
    lambda cloud: cloud.resize_vm(7, "CPU = 2"),
    lambda cloud: cloud.update_configuration(7, 'CONTEXT = [ A = "b" ]'),
    lambda cloud: cloud.list_few_whole_vms(_IDS),
    lambda cloud: administration.read_accounting(
        cloud, lambda record: measure_record(record, _SPAN), 1, 9
    ),
    lambda cloud: administration.list_costs(cloud, Month(2026, 1), Month(2026, 2)),
    lambda cloud: cloud.get_user(),
    lambda cloud: cloud.get_group(),
    lambda cloud: administration.get_cluster(cloud, 0),
    lambda cloud: cloud.get_zone(0),
    lambda cloud: cloud.get_raft(),
    lambda cloud: administration.get_last_report_time(cloud, 0),
    lambda cloud: handover.create_vm(cloud, "NAME = x"),
    lambda cloud: handover.recover_vm(cloud, 7, handover.Recovery.DELETE_DB),
    lambda cloud: handover.change_owner(cloud, 7, 2, 100),
    lambda cloud: handover.rename_vm(cloud, 7, "web"),
    lambda cloud: handover.list_users(cloud),
    lambda cloud: handover.list_groups(cloud),
    lambda cloud: devices.attach_disk(cloud.client, 7, {"SIZE": "1"}),
    lambda cloud: devices.detach_nic(cloud.client, 7, 1),
    lambda cloud: devices.get_image(cloud.client, 3),
    lambda cloud: devices.get_network(cloud.client, 3).has_address("192.168.150.77"),
)
_WAYS = {"odd": 9800, "tunnel": 179, "endless": 20, "slow": 1}


def attack_calls(ground: Ground, case: str, chance: Chance) -> int:
    """Make calls, and after each one that the remote spares; no lines are exchanged."""
    (way,) = chance.choices([*_WAYS], [*_WAYS.values()])
    if way == "tunnel":
        _dig(ground, case)
        return 0
    path, calls = f"/{way}/{case}", chance.sample(_CALLS, 8 if way == "odd" else 1)
    if way == "endless":
        with ground.alone:
            _make(calls, ground.server(path, LONGEST_ANSWER), ground.server(path), case)
    elif way == "slow":
        _make(calls, ground.server(path, patience=ground.short), ground.server(path), case)
    else:
        _make(calls, ground.server(path), None, case)
    return 0


def _make(calls: Sequence[Call], server: Endpoint, other: Endpoint | None, case: str) -> None:
    """Make *calls* to a server, and one that it spares after each: by *other*, or the same way."""
    with (
        contextlib.closing(Cloud([server], checks.SESSION)) as cloud,
        contextlib.closing(Client(other, checks.SESSION) if other else cloud.client) as client,
    ):
        for call in calls:
            try:
                checks.check_found(call(cloud))
            except OneError as error:
                checks.check_error(error)
            checks.check_echo(client, case)


def _dig(ground: Ground, case: str) -> None:
    """Make calls through a proxy that answers so."""
    endpoint = f"https://odd.{case.replace('/', '.')}/RPC2"
    server = replace(ground.server(""), url=endpoint, proxy=ground.url)
    cloud = Cloud([server], checks.SESSION)
    for _ in range(3):
        try:
            cloud.get_version()
        except OneError as error:
            checks.check_error(error)
