"""Calls to a remote that answers wrongly: they raise typed errors only."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from one2one.opennebula.cloud import Cloud, Update
from one2one.opennebula.errors import OneError
from tests.hostile import checks
from tests.hostile.chance import Chance
from tests.hostile.ground import LONGEST_ANSWER, Ground

_IDS = [7, 8, 1000]
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
    lambda cloud: cloud.create_template("NAME = x"),
    lambda cloud: cloud.may_create_templates(),
    lambda cloud: cloud.update_template(0, "A = b", Update.MERGE),
    lambda cloud: cloud.instantiate(0, "web", ""),
    lambda cloud: cloud.get_host(0),
    lambda cloud: cloud.list_hosts(),
    lambda cloud: cloud.create_host("burst1", "one", "one"),
    lambda cloud: cloud.get_quotas(),
    lambda cloud: cloud.list_access_rules(),
    lambda cloud: cloud.list_datastores(),
    lambda cloud: cloud.get_config(),
)
_WAYS = {"odd": 9800, "tunnel": 179, "endless": 20, "slow": 1}


def attack_calls(ground: Ground, case: str, chance: Chance) -> int:
    """Make calls, and after each one that the remote spares; no lines are exchanged."""
    (way,) = chance.choices([*_WAYS], [*_WAYS.values()])
    if way == "tunnel":
        _dig(ground, case)
        return 0
    calls = chance.sample(_CALLS, 8 if way == "odd" else 1)
    if way == "endless":
        with ground.alone:
            _make(
                calls, Cloud(ground.server(f"/{way}/{case}", LONGEST_ANSWER), checks.SESSION), case
            )
    else:
        _make(calls, Cloud(ground.server(f"/{way}/{case}"), checks.SESSION), case)
    return 0


def _make(calls: Sequence[Call], cloud: Cloud, case: str) -> None:
    for call in calls:
        try:
            checks.check_found(call(cloud))
        except OneError as error:
            checks.check_error(error)
        checks.check_echo(cloud.client, case)
    cloud.close()


def _dig(ground: Ground, case: str) -> None:
    """Make calls through a proxy that answers so."""
    endpoint = f"https://odd.{case.replace('/', '.')}/RPC2"
    server = replace(ground.server(""), url=endpoint, proxy=ground.url)
    cloud = Cloud(server, checks.SESSION)
    for _ in range(3):
        try:
            cloud.get_version()
        except OneError as error:
            checks.check_error(error)
