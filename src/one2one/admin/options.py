"""Kinds of arguments that several subcommands take."""

from collections.abc import Sequence

import click

from one2one.opennebula.ids import MAX_ID, read_id


def object_id(value: str) -> int:
    """Return the id in *value*; raises BadParameter for any other text."""
    number = read_id(value)
    if number is None:
        raise click.BadParameter(f"{value[:60]!r} is not an id: a number from 0 to {MAX_ID}.")
    return number


def refuse_repeated(ids: Sequence[int]) -> None:
    """Raise UsageError where an id is given twice."""
    for number in ids:
        if ids.count(number) > 1:
            raise click.UsageError(f"{number} is given more than once")
