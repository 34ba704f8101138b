"""The monitoring of a host whose remote answers wrongly."""

from one2one.driver.monitor import HostMonitor
from one2one.driver.reaper import Reaper
from one2one.mad import im_messages, im_texts
from one2one.opennebula.errors import OneError
from tests.hostile import checks
from tests.hostile.chance import Chance
from tests.hostile.ground import Ground
from tests.hostile.operations import WAYS


def attack_round(ground: Ground, case: str, chance: Chance) -> int:
    """Make each message of a round."""
    local, remotes = ground.clouds(chance.choice(WAYS), case)
    reaper = Reaper(0, local, _check_log)
    monitor = HostMonitor(0, local, remotes, stuck_after=0, on_survey=reaper.reap)
    monitor.refresh()
    for tell in (_tell_states, _tell_found, _tell_usages, _tell_host, _tell_all):
        try:
            checks.check_pushed(tell(monitor))
        except OneError as error:
            checks.check_error(error)
            _check_log(str(error))
    remotes.close()
    local.cloud.close()
    return 5


def _tell_states(monitor: HostMonitor) -> str:
    return _format_push("STATE_VM", im_texts.format_state_vm(monitor.read_states().reports))


def _tell_found(monitor: HostMonitor) -> str:
    reports = monitor.find_unlinked(monitor.read_states())
    return _format_push("STATE_VM", im_texts.format_state_vm(reports))


def _tell_usages(monitor: HostMonitor) -> str:
    usages = monitor.read_usages(monitor.read_states())
    return _format_push("MONITOR_VM", im_texts.format_monitor_vm(usages))


def _tell_host(monitor: HostMonitor) -> str:
    return _format_push(
        "SYSTEM_HOST",
        im_texts.format_system_host(
            monitor.read_capacity(monitor.read_states()), monitor.survey_account()
        ),
    )


def _tell_all(monitor: HostMonitor) -> str:
    last = monitor.read_states()
    reports = {report.vm_id: report.report for report in last.reports}
    capacity, usages, wilds = (
        monitor.read_capacity(last),
        monitor.read_usages(last),
        monitor.survey_account(),
    )
    text = im_texts.format_monitor(monitor.host_name, capacity, reports, usages, wilds)
    checks.check_pulled(im_messages.format_pull_answer("MONITOR", 0, success=True, info=text))
    return _format_push("MONITOR_HOST", im_texts.format_monitor_host(capacity))


def _format_push(kind: str, text: str) -> str:
    return im_messages.format_push_message(kind, 0, success=True, data=text.encode())


def _check_log(text: str) -> None:
    checks.check_pushed(im_messages.format_log("I", 0, text, push=True))
