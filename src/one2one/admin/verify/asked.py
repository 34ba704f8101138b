"""What can be found out without making a VM."""

import time
from collections.abc import Iterator
from dataclasses import replace

from one2one.admin.demo.sides import HYBRID_ID_PREFIX
from one2one.admin.doctor import account, capacity, remote
from one2one.admin.doctor.command import Checks, run
from one2one.admin.doctor.facts import FrontEnd, HybridHost
from one2one.admin.doctor.finding import Severity, some
from one2one.admin.verify.result import Result, Verdict, passed, warned
from one2one.admin.verify.trial import Trial
from one2one.driver.remotes import server
from one2one.hybrid.naming import owner
from one2one.opennebula import rpc
from one2one.opennebula.connection import Connection, StaleConnection, tls_context
from one2one.opennebula.errors import MethodNotFound

_CHECKS: Checks[HybridHost] = {
    "endpoint": remote.endpoint,
    "release": remote.release,
    "clear text": remote.clear_text,
    "certificate": remote.certificate,
    "certificate expiry": remote.certificate_expiry,
    "clock": remote.clock,
    "account": account.accepted,
    "token age": account.token,
    "rights it lacks": account.lacking_rights,
    "rights too many": account.excessive_rights,
    "VMs of others": account.foreign_vms,
    "quotas": capacity.quotas,
}
_VERDICTS = {
    Severity.OK: Verdict.PASSED,
    Severity.SKIPPED: Verdict.SKIPPED,
    Severity.WARNING: Verdict.WARNING,
    Severity.FAILURE: Verdict.FAILED,
}
_ALL_CALLS = 29
"""How many calls the driver makes on one connection at most."""


def asked(trial: Trial) -> Iterator[Result]:
    """Run those of ``one2one doctor``'s checks that need a remote and no front-end of one's own."""
    host = _direct(trial)
    try:
        for row in run("remote", _CHECKS, host):
            verdict = _VERDICTS[Severity(row.severity)]
            if row.check == "rights it lacks" and verdict is Verdict.FAILED:
                verdict = Verdict.NOT_ALLOWED
            yield Result(row.check, verdict.value, row.text, row.remedy)
    finally:
        host.close()
        host.front_end.local.cloud.client.close()
    yield _connection(host)
    yield _listing(trial)
    yield _left_over(trial)


def _direct(trial: Trial) -> HybridHost:
    """Return the trial's host, but as if there were no relay before the remote."""
    frontend = trial.sides.frontend
    environment = frontend.home.environment(frontend.endpoint)
    host = HybridHost(FrontEnd(environment), trial.sides.host.id)
    host.settings = replace(host.settings, endpoint=trial.account.endpoint, proxy=None)
    return host


def _connection(host: HybridHost) -> Result:
    way = server(host.settings)
    connection = Connection(way, tls_context(way), way.connect_timeout)
    body = rpc.request("one.system.version", host.settings.session, ())
    calls = 0
    try:
        while calls < _ALL_CALLS and connection.usable():
            connection.exchange(body, time.monotonic() + way.total_timeout)
            calls += 1
    except StaleConnection:
        pass
    finally:
        connection.close()
    if calls == 1:
        return passed("calls a connection", "1, as oned allows without a proxy before it")
    if calls < _ALL_CALLS:
        return warned(
            "calls a connection",
            f"it closes a connection after {calls} calls",
            "A proxy before it makes the driver connect more often than it would",
        )
    return passed("calls a connection", f"{calls}, as many as the driver makes")


def _listing(trial: Trial) -> Result:
    try:
        trial.sides.remote.client.call("one.vmpool.infoset", "0", False)
    except MethodNotFound:
        return passed("listing by id", "not before 5.12: ranges of ids are listed instead")
    return passed("listing by id", "one.vmpool.infoset")


def _left_over(trial: Trial) -> Result:
    left = [
        str(vm.id)
        for vm in trial.sides.remote.own_vms_in_full()
        if (found := owner(vm)) and found.hybrid_id.startswith(HYBRID_ID_PREFIX)
    ]
    if left:
        return warned(
            "left by others",
            f"VMs of another trial: {some(left)}",
            "One that runs, or was killed. In that case: onevm terminate --hard",
        )
    return passed("left by others", "nothing of an earlier trial")
