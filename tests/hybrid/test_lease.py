"""The hours of a VM: how they are counted, who limits them, and what its user is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.lease import Lease, find_lease, measure_running
from one2one.hybrid.public_cloud import find_max_hours
from one2one.hybrid.settings import Settings, read_settings
from one2one.opennebula.errors import ConfigurationError, Refused
from one2one.opennebula.records import Host, Placement
from one2one.opennebula.template import Template

DAY_S, HOUR_S = 86_400.0, 3_600.0
times = st.integers(0, 10**10)
histories = st.lists(st.tuples(times, times)).map(
    lambda runs: [
        Placement(2, "burst1", n, retime, rstime) for n, (rstime, retime) in enumerate(runs)
    ]
)


def settings(**more: str) -> Settings:
    template = Template(
        {"ONE_ENDPOINT": "http://far/RPC2", "ONE_USER": "u", "ONE_PASSWORD": "p", **more}.items()
    )
    return read_settings(Host(2, "burst1", "one", "one", (), template))


def wish(hours: str) -> Template:
    section = {"TYPE": "opennebula", "TEMPLATE_ID": "7", "MAX_HOURS": hours}
    return Template([("PUBLIC_CLOUD", section)])


def runs(*spans: tuple[int, int]) -> list[Placement]:
    return [Placement(2, "burst1", n, retime, rstime) for n, (rstime, retime) in enumerate(spans)]


def test_time_in_which_it_is_off_does_not_count() -> None:
    assert measure_running(runs((100, 150), (1000, 1020), (5000, 0)), 5007) == 50 + 20 + 7


def test_a_record_that_never_ended_counts_up_to_the_next() -> None:
    assert measure_running(runs((100, 0), (150, 0)), 170) == 70


def test_a_vm_that_never_ran_has_no_hours() -> None:
    assert measure_running(runs((0, 0)), 10**9) == measure_running([], 10**9) == 0


@given(histories, times, times)
def test_hours_never_become_less_and_grow_no_faster_than_the_clock(
    history: list[Placement], now: int, passed: int
) -> None:
    before, after = measure_running(history, now), measure_running(history, now + passed)
    assert 0 <= before <= after <= before + passed + (0 if before else now)


@given(histories, times)
def test_another_stay_takes_no_hours_away(history: list[Placement], now: int) -> None:
    ended = [Placement(2, "burst1", 0, 150, 100), *history]
    assert measure_running(ended, now) >= measure_running(history, now)


@pytest.mark.parametrize(
    ("host", "own", "hours", "source"),
    [
        ("100", "", 100, "ONE_MAX_HOURS of host burst1"),
        ("100", "50", 50, "MAX_HOURS in PUBLIC_CLOUD"),
        ("100", "500", 100, "ONE_MAX_HOURS of host burst1"),
        ("", "500", 500, "MAX_HOURS in PUBLIC_CLOUD"),
        ("0.02", "", 0.02, "ONE_MAX_HOURS of host burst1"),
        *(("100", bad, 100, "ONE_MAX_HOURS of host burst1") for bad in ("0", "-5", "x", "1_0")),
    ],
)
def test_a_user_may_ask_for_less_but_not_for_more(
    host: str, own: str, hours: float, source: str
) -> None:
    lease = find_lease(wish(own), settings(ONE_MAX_HOURS=host))
    assert lease == Lease(hours, "poweroff", source)


def test_without_a_limit_there_is_none() -> None:
    assert find_lease(wish(""), settings()) is None
    assert find_lease(wish("soon"), settings()) is None
    assert find_lease(Template(), settings()) is None


@pytest.mark.parametrize("value", ["0", "-1", "x", "1e9", "nan", "inf", "1 day", "0.001"])
def test_a_wrong_number_of_hours_is_one_line(value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"burst1 has ONE_MAX_HOURS='{value}' instead of"):
        settings(ONE_MAX_HOURS=value)
    with pytest.raises(Refused, match=f"MAX_HOURS is '{value}' instead of a number of hours, 0.01"):
        find_max_hours(wish(value), "burst1")


def test_a_wrong_action_is_one_line() -> None:
    with pytest.raises(
        ConfigurationError, match="='KILL' instead of POWEROFF, UNDEPLOY or TERMINATE"
    ):
        settings(ONE_MAX_HOURS_ACTION="KILL")
    assert settings(ONE_MAX_HOURS_ACTION=" undeploy ").max_hours_action == "UNDEPLOY"


@pytest.mark.parametrize(
    ("hours", "left", "words"),
    [
        (100, DAY_S + 1, ""),
        (100, DAY_S, "less than 24 of 100 hours are left, then undeploy (x)"),
        (100, HOUR_S, "less than 1 of 100 hours are left, then undeploy (x)"),
        (24, DAY_S, "it has 24 hours in all, then undeploy (x)"),
        (24, HOUR_S, "less than 1 of 24 hours are left, then undeploy (x)"),
        (0.02, 72, "it has 0.02 hours in all, then undeploy (x)"),
        (100, 0, "its 100 hours are over: undeploy (x)"),
        (100, -DAY_S, "its 100 hours are over: undeploy (x)"),
    ],
)
def test_what_is_told(hours: float, left: float, words: str) -> None:
    assert Lease(hours, "undeploy", "x").describe(left) == words


@given(st.floats(0.01, 1e6), st.floats(0.001, 1e10))
def test_the_words_change_when_they_are_said_to(hours: float, left: float) -> None:
    lease = Lease(hours, "poweroff", "x")
    quiet = lease.measure_quiet(left)
    assert 0 < quiet <= left
    assert lease.describe(left) == lease.describe(left - quiet * 0.999)
