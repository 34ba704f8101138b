"""What a remote cloud says of a VM, in its own words."""

from one2one.opennebula.clean import hide
from one2one.opennebula.records import Vm


def read_words(remote: Vm, name: str, secret: str) -> str:
    """Return the text of an attribute of *remote*, such as ERROR.

    Others may have written it, and may have quoted *secret*, the account's password: this is
    hidden.
    """
    return hide(remote.user_template.text(name), secret)
