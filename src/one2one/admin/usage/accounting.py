"""Reads the accounting of a cloud, in parts that it can send and we can hold."""

from collections.abc import Callable, Iterator

from one2one.hybrid.hours import Span, UseByVm
from one2one.opennebula.accounting import AccountingRecord
from one2one.opennebula.administration import read_accounting
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import NotSendable, TooLong

_LONGEST_S = 31 * 86_400.0
"""For how much time the accounting is asked at once: all its records come in one answer."""
_SHORTEST_S = 3_600.0


def read_uses(
    cloud: Cloud, whose: int, asked: Span, counted: Span, new: Callable[[], UseByVm]
) -> UseByVm:
    """Return what VMs used in the *counted* time, from the records of the time that is *asked*.

    *new* returns an empty sum. Raises the errors of a call.
    """
    total = new()
    for part in _split(asked):
        total.merge(_read_part(cloud, whose, part, counted, new))
    return total


def _read_part(
    cloud: Cloud, whose: int, part: Span, counted: Span, new: Callable[[], UseByVm]
) -> UseByVm:
    """Return what VMs used in a part; if the answer is too long, halve the part."""
    uses, within = new(), part.cut(counted)

    def count(record: AccountingRecord) -> None:
        uses.add(record, within)

    try:
        read_accounting(cloud, count, int(part.start), int(part.end), whose)
    except (NotSendable, TooLong):
        if part.end - part.start <= _SHORTEST_S:
            raise
    else:
        return uses
    middle = float(int((part.start + part.end) / 2))
    earlier, later = Span(part.start, middle), Span(middle, part.end)
    both = _read_part(cloud, whose, earlier, counted, new)
    both.merge(_read_part(cloud, whose, later, counted, new))
    return both


def _split(span: Span) -> Iterator[Span]:
    start = span.start
    while start < span.end:
        end = min(span.end, start + _LONGEST_S)
        yield Span(start, end)
        start = end
