"""monitord gets each remote usage record once, and each VM again in time."""

from one2one.driver.round import VmUsage
from one2one.mad.usage_news import REFRESH_S, UsageNews


def usage(vm_id: int, **values: str) -> VmUsage:
    return VmUsage(vm_id, f"opennebula-hybrid-{vm_id}", values)


def test_only_what_differs_from_what_was_told_is_news() -> None:
    news = UsageNews()
    first = [usage(1, CPU="1"), usage(2, CPU="2")]
    assert news.select_news(first, 0) == first
    assert news.select_news(first, 1) == first, "it did not arrive"
    news.record_sent(first, 1)
    assert news.select_news(first, 2) == []
    assert news.select_news([usage(1, CPU="1"), usage(2, CPU="3")], 3) == [usage(2, CPU="3")]


def test_it_is_told_again_before_monitord_forgets_it() -> None:
    news = UsageNews()
    news.record_sent([usage(1)], 0)
    assert news.select_news([usage(1)], REFRESH_S - 1) == []
    assert news.select_news([usage(1)], REFRESH_S) == [usage(1)]


def test_a_vm_that_was_away_is_told_of_again() -> None:
    news = UsageNews()
    news.record_sent([usage(1)], 0)
    assert news.select_news([], 1) == []
    assert news.select_news([usage(1)], 2) == [usage(1)]
