"""Reads a password from a file, from the environment or from a question, not from an argument."""

import os
import sys
from pathlib import Path

import click

from one2one.opennebula.errors import ConfigurationError

VARIABLE = "ONE2ONE_PASSWORD"


def read_password(user: str, file: Path | None) -> str:
    """Return the password of the remote user; raises ConfigurationError when there is none."""
    if file is not None:
        try:
            lines = file.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            raise ConfigurationError(f"{file} is no text", remedy="Name another file") from None
        password = lines[0] if lines else ""
    elif VARIABLE in os.environ:
        password = os.environ[VARIABLE]
    elif sys.stdin.isatty():
        password = click.prompt(f"Password or token of {user} in the remote", hide_input=True)
    else:
        raise ConfigurationError(
            "no password, and stdin is not a terminal to ask at",
            remedy=f"Use --password-file, or the environment variable {VARIABLE}",
        )
    if not password:
        raise ConfigurationError("the password is empty", remedy="Give one")
    return password
