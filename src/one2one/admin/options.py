"""Kinds of arguments that several subcommands take."""

import click

from one2one.opennebula.ids import MAX_ID, read_id


def object_id(value: str) -> int:
    """Return the id that was typed; raises BadParameter for what is none."""
    number = read_id(value)
    if number is None:
        raise click.BadParameter(f"{value[:60]!r} is no id: a number from 0 to {MAX_ID}.")
    return number
