"""The monitoring of one host for oned itself (5.6 to 5.10): everything at once, when it asks.

A failure puts the host into error and its running VMs into UNKNOWN. So a remote that does not
answer is read again within the one request (``hybrid.outage``). oned waits for 300 seconds.
"""

from collections.abc import Callable
from typing import TypeVar

from one2one import runtime
from one2one.driver.host_vms import FrontEndError
from one2one.driver.monitor import HostMonitor
from one2one.driver.resumption import resume_running
from one2one.hybrid.mirror import Report
from one2one.hybrid.outage import GRACE_ROUNDS, Outage
from one2one.mad import im_texts
from one2one.opennebula.errors import OneError, to_one_error

Item = TypeVar("Item")


def answer_pull(
    monitor: HostMonitor,
    log: Callable[[OneError], None],
    write: Callable[[str], None],
    pause: Callable[[float], object] = runtime.sleep,
) -> str:
    """Return what to answer to MONITOR; raises OneError when there is nothing to answer.

    A part that fails while the rest is still right goes to *log* and is left out. *write* is called
    with each action that oned was asked for.
    """
    outage = Outage()
    while True:
        try:
            monitor.refresh()
        except FrontEndError as error:
            failure: OneError = error
        else:
            try:
                return _read_all(monitor, log, write)
            except OneError as error:
                failure = error
        if outage.record_failure(runtime.monotonic(), monitor.grace):
            raise failure
        log(failure)
        pause(monitor.grace / GRACE_ROUNDS)


def _read_all(
    monitor: HostMonitor, log: Callable[[OneError], None], write: Callable[[str], None]
) -> str:
    last = monitor.read_states()
    for denied in last.denied:
        log(denied)
    reports = {report.vm_id: report.report for report in last.reports}
    for vm_id, line in resume_running(*monitor.clouds, last.reports):
        reports[vm_id] = Report.SILENCE  # else oned has it RUNNING before RESTORE is answered
        write(line)
    try:
        capacity = monitor.read_capacity(last)
    except OneError as error:
        if monitor.known_capacity is None:
            raise
        log(error)
        capacity = monitor.known_capacity
    usages = _read_or_log(lambda: monitor.read_usages(last), log)
    try:
        monitor.tell_problems(last)
    except Exception as error:  # noqa: BLE001 - what it shows must not cost what is monitored
        log(to_one_error(error))
    wilds = _read_or_log(monitor.survey_account, log)
    return im_texts.format_monitor(monitor.host_name, capacity, reports, usages, wilds)


def _read_or_log(read: Callable[[], list[Item]], log: Callable[[OneError], None]) -> list[Item]:
    try:
        return read()
    except OneError as error:
        log(error)
        return []
