"""The checks that make no VM."""

import time
from collections.abc import Iterator
from dataclasses import replace

from one2one.admin.demo.clouds import HYBRID_ID_PREFIX
from one2one.admin.doctor import account, capacity, remote
from one2one.admin.doctor.command import Checks, run_checks
from one2one.admin.doctor.facts import FrontEnd, HybridHost
from one2one.admin.doctor.finding import join_some
from one2one.admin.verify.remote.trial import Trial
from one2one.admin.verify.result import Result, judge_row, success, warning
from one2one.driver.remotes import build_endpoints
from one2one.hybrid.naming import read_marks
from one2one.opennebula import rpc
from one2one.opennebula.connection import Connection, build_tls
from one2one.opennebula.errors import MethodNotFound, StaleConnection

_CHECKS: Checks[HybridHost] = {
    "endpoint": remote.check_endpoint,
    "release": remote.check_release,
    "clear text": remote.check_clear_text,
    "certificate": remote.check_certificate,
    "certificate expiry": remote.check_certificate_expiry,
    "clock": remote.check_clock,
    "account": account.check_account,
    "token age": account.check_token,
    "rights it lacks": account.check_lacking_rights,
    "rights too many": account.check_excessive_rights,
    "VMs of others": account.check_other_vms,
    "quotas": capacity.check_quotas,
}
_ALL_CALLS = 29
"""How many calls the driver makes on one connection at most."""


def check_remote(trial: Trial) -> Iterator[Result]:
    """Run the checks of ``one2one doctor`` that need a remote and no real front-end."""
    host = _direct(trial)
    try:
        for row in run_checks("remote", _CHECKS, host):
            yield judge_row(row)
    finally:
        host.close()
        host.front_end.local.cloud.close()
    yield _check_connection(host)
    yield _check_listing(trial)
    yield _check_left_over(trial)


def _direct(trial: Trial) -> HybridHost:
    """Return the trial's host without the relay before the remote."""
    frontend = trial.sides.frontend
    environment = frontend.home.environment(frontend.endpoint)
    host = HybridHost(FrontEnd(environment), trial.sides.host.id)
    host.settings = replace(
        host.settings, endpoints=(trial.account.endpoint,), proxy=trial.account.proxy
    )
    return host


def _check_connection(host: HybridHost) -> Result:
    (way,) = build_endpoints(host.settings)
    connection = Connection(way, build_tls(way), way.connect_timeout)
    body = rpc.encode_call("one.system.version", host.settings.session, ())
    calls = 0
    try:
        while calls < _ALL_CALLS and connection.is_usable():
            connection.exchange(body, time.monotonic() + way.total_timeout)
            calls += 1
    except StaleConnection:
        pass
    finally:
        connection.close()
    if calls == 1:
        return success("calls a connection", "1, as oned allows without a proxy before it")
    if calls < _ALL_CALLS:
        return warning(
            "calls a connection",
            f"it closes a connection after {calls} calls",
            "A proxy before it makes the driver connect more often than it would",
        )
    return success("calls a connection", f"{calls}, as many as the driver makes")


def _check_listing(trial: Trial) -> Result:
    try:
        trial.sides.remote.client.call("one.vmpool.infoset", "0", False)
    except MethodNotFound:
        return success("listing by id", "not before 5.12: ranges of ids are listed instead")
    return success("listing by id", "one.vmpool.infoset")


def _check_left_over(trial: Trial) -> Result:
    left = [
        str(vm.id)
        for vm in trial.sides.remote.list_whole_vms()
        if (marks := read_marks(vm)) and marks.hybrid_id.startswith(HYBRID_ID_PREFIX)
    ]
    if left:
        return warning(
            "left by others",
            f"VMs of another trial: {join_some(left)}",
            "One that runs, or was killed. In that case: onevm terminate --hard",
        )
    return success("left by others", "nothing of an earlier trial")
