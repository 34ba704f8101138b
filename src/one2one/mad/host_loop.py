"""The monitoring of one host for monitord (5.12 and later): it reads and sends what is due.

    message        what is read for it
    ────────────   ────────────────────────────────────────────────────────────────
    BEACON_HOST    the host itself: settings, and which VMs it has
    STATE_VM       both clouds' states of these VMs; this shows whether the remote answers
    MONITOR_VM     what they use, where the remote has a newer record (``mad.usage_news``). What is
                   wrong with them is not sent: it is written into them (``driver.problems``)
    MONITOR_HOST   the remote's quotas, and the whole account
    SYSTEM_HOST    nothing more; sent as well where the capacity, or what may be imported, is
                   another

While a remote cannot be read, nothing is sent at first. Then the host gets an error
(``hybrid.outage``). The first good reading makes everything due at once, because only a SYSTEM_HOST
ends the error of a host. The same happens after oned could not be read or was a follower.
oned shows the text of a failed SYSTEM_HOST at the host. The text of a failed STATE_VM appears only
in monitor.log: it is our log.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from one2one import runtime
from one2one.driver.host_vms import FrontEndError
from one2one.driver.monitor import HostMonitor
from one2one.driver.round import Round, VmReport
from one2one.driver.threads import run_guarded
from one2one.hybrid.mirror import Report
from one2one.hybrid.outage import GRACE_ROUNDS, Outage
from one2one.hybrid.wild import WildVm
from one2one.mad import im_texts
from one2one.mad.failure_log import FailureLog
from one2one.mad.im_messages import Periods
from one2one.mad.monitord import MonitordClient
from one2one.mad.periodic_schedule import PeriodicSchedule
from one2one.mad.usage_news import UsageNews
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import (
    AuthenticationError,
    ConfigurationError,
    NotFound,
    OneError,
    to_one_error,
)

_OF_THE_HOST = {"MONITOR_HOST", "SYSTEM_HOST"}
_AFTER_AN_OUTAGE = _OF_THE_HOST | {"MONITOR_VM"}
_ASK_AGAIN_S = 5.0
"""Seconds until oned is asked for the host again after it did not answer."""


class HostLoop:
    """The monitoring of one host, until it is told to stop, or the host is gone."""

    def __init__(self, monitor: HostMonitor, monitord: MonitordClient, periods: Periods) -> None:
        self._monitor = monitor
        self._monitord = monitord
        named = {kind.upper(): float(period) for kind, period in asdict(periods).items()}
        self._schedule = PeriodicSchedule(named, runtime.monotonic())
        self._stop = runtime.event()
        self._answered_at = runtime.monotonic()
        self._is_ours = True
        """Whether this server monitors the host, by the last reading."""
        self._configured = False
        self._last: Round | None = None
        """The last round, None where a cloud could not be read in it."""
        self._missed = False
        """Whether something was due and not read, and the remote was not the cause."""
        self._outage = Outage()
        self._sizing_outage = Outage()
        """How long the host's capacity has not been known at all."""
        self._reason = ""
        # A failed STATE_VM has no effect but a line in monitor.log.
        self._failures = FailureLog(partial(self._send, "STATE_VM", success=False))
        self._wilds: list[WildVm] = []
        self._usage_news = UsageNews()

    def stop(self) -> None:
        """End the monitoring: nothing more is sent."""
        self._stop.set()

    def measure_silence(self) -> float:
        """Return for how many seconds oned has not answered."""
        return runtime.monotonic() - self._answered_at

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Monitor until told to stop, until the host is gone or off line, or *until* holds."""
        while not self._stop.wait(self._schedule.seconds_until_due(runtime.monotonic())):
            try:
                if until():
                    return
                self._run_round(self._schedule.take_due(runtime.monotonic()))
            except NotFound:
                return
            except Exception as error:  # noqa: BLE001 - a bug must not end the host's monitoring
                run_guarded(partial(self._record_failure, to_one_error(error)))

    def _run_round(self, due: set[str]) -> None:
        if "BEACON_HOST" in due:
            self._refresh()
        if not self._is_ours:
            return
        if "STATE_VM" in due and self._configured:
            due |= self._send_states(look_for_lost="BEACON_HOST" in due)
        if self._last is None:
            if self._outage.declared and "MONITOR_HOST" in due:
                self._send("SYSTEM_HOST", self._reason, success=False)
            return
        if "MONITOR_VM" in due:
            self._send_usages(self._last)
            self._tell_problems(self._last)
        if due & _OF_THE_HOST:
            self._send_host(due, self._last)

    def _refresh(self) -> None:
        """Read the host, and send BEACON_HOST; raises NotFound when the host is gone."""
        try:
            self._is_ours = self._monitor.is_ours()
            self._answered_at = runtime.monotonic()
            if not self._is_ours:  # in HA, on a follower: the leader monitors
                self._configured, self._last = False, None
                self._missed = True
                return
            self._monitor.refresh()
        except FrontEndError as error:
            self._missed = True
            self._failures.record_failure("BEACON_HOST", error)
            self._schedule.hasten(["BEACON_HOST"], runtime.monotonic() + _ASK_AGAIN_S)
        except ConfigurationError as error:
            # Only the administrator who wrote the host can help: the error is sent at once.
            self._configured, self._last = False, None
            self._reason = clean_line(str(error))
            self._outage.declare()
            self._send("SYSTEM_HOST", self._reason, success=False)
        else:
            self._configured = True
            self._failures.record_success("BEACON_HOST")
            self._send("BEACON_HOST", "")

    def _send_states(self, *, look_for_lost: bool) -> set[str]:
        """Send the states that differ; return what else is due because both sides are back."""
        try:
            last = self._monitor.read_states()
        except FrontEndError as error:
            self._last, self._missed = None, True
            self._failures.record_failure("STATE_VM", error)
            return set()
        except OneError as error:
            self._record_failure(error)
            return set()
        self._last, reports = last, [*last.reports]
        self._failures.record_success("STATE_VM")
        for denied in last.denied:
            self._send("STATE_VM", str(denied), success=False)
        if look_for_lost:
            reports += self._find_unlinked(last)
        news = [report for report in reports if report.report is not Report.SILENCE]
        if news:
            self._send("STATE_VM", im_texts.format_state_vm(news))
        had_outage, had_missed, self._missed = self._outage.record_success(), self._missed, False
        if not (had_outage or had_missed):
            return set()
        self._schedule.hasten(_AFTER_AN_OUTAGE, runtime.monotonic())
        return self._schedule.take_due(runtime.monotonic())

    def _find_unlinked(self, last: Round) -> list[VmReport]:
        try:
            reports = self._monitor.find_unlinked(last)
        except OneError as error:
            self._failures.record_failure("unlinked", error)
            return []
        self._failures.record_success("unlinked")
        return reports

    def _record_failure(self, error: OneError) -> None:
        self._last = None
        if isinstance(error, AuthenticationError):  # the host may have a new password already
            self._schedule.hasten(["BEACON_HOST"], runtime.monotonic())
        self._reason = clean_line(str(error))
        if self._outage.record_failure(runtime.monotonic(), self._monitor.grace):
            self._send("SYSTEM_HOST", self._reason, success=False)
        else:
            self._failures.record_failure("STATE_VM", error)

    def _send_usages(self, last: Round) -> None:
        try:
            usages = self._monitor.read_usages(last)
        except OneError as error:
            self._failures.record_failure("MONITOR_VM", error)
            return
        self._failures.record_success("MONITOR_VM")
        now = runtime.monotonic()
        news = self._usage_news.select_news(usages, now)
        if news and self._send("MONITOR_VM", im_texts.format_monitor_vm(news)):
            self._usage_news.record_sent(news, now)

    def _tell_problems(self, last: Round) -> None:
        try:
            self._monitor.tell_problems(last)
        except Exception as error:  # noqa: BLE001 - what it shows must not cost what is monitored
            self._failures.record_failure("problems", to_one_error(error))
        else:
            self._failures.record_success("problems")

    def _send_host(self, due: set[str], last: Round) -> None:
        """Send SYSTEM_HOST and MONITOR_HOST, from a reading that is as new as MONITOR_HOST."""
        known, wilds = self._monitor.known_capacity, self._wilds
        if "MONITOR_HOST" in due or known is None:
            self._read_capacity(last)
            self._survey()
        capacity = self._monitor.known_capacity
        if capacity is None:
            return
        is_new = known is None or capacity.total != known.total or wilds != self._wilds
        if "SYSTEM_HOST" in due or is_new:
            self._send("SYSTEM_HOST", im_texts.format_system_host(capacity, self._wilds))
        if "MONITOR_HOST" in due:
            self._send("MONITOR_HOST", im_texts.format_monitor_host(capacity))

    def _read_capacity(self, last: Round) -> None:
        """Read the capacity; if it was never read, a failure soon puts the host into error."""
        try:
            self._monitor.read_capacity(last)
        except OneError as error:
            self._failures.record_failure("MONITOR_HOST", error)
            if self._monitor.known_capacity is None:
                now, grace = runtime.monotonic(), self._monitor.grace
                self._schedule.hasten(["MONITOR_HOST"], now + grace / GRACE_ROUNDS)
                if self._sizing_outage.record_failure(now, grace):
                    self._send("SYSTEM_HOST", clean_line(str(error)), success=False)
        else:
            self._failures.record_success("MONITOR_HOST")

    def _survey(self) -> None:
        try:
            self._wilds = self._monitor.survey_account()
        except OneError as error:
            self._failures.record_failure("SYSTEM_HOST", error)
        else:
            self._failures.record_success("SYSTEM_HOST")

    def _send(self, kind: str, text: str, *, success: bool = True) -> bool:
        """Send a message; return False if it is lost. The next round makes a lost one again."""
        if self._stop.is_set():
            return False
        try:
            self._monitord.send(kind, text, success=success)
        except OSError:
            return False
        return True
