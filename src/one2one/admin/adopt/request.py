"""What an adoption gives to the new local VM, looked up before anything is changed."""

from dataclasses import dataclass

from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import NotFound, Refused
from one2one.opennebula.handover import Party, list_groups, list_users
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template, check_value

_LONGEST = 128
"""Bytes of a name. Source: ``PoolObjectSQL::name_is_valid``."""


@dataclass(frozen=True)
class Wishes:
    """What the options say; empty where one is not given."""

    user: str = ""
    """A user's name or id."""
    group: str = ""
    name: str = ""
    template: str = ""
    """A local VM template's name or id."""


@dataclass(frozen=True)
class Terms:
    """The same, found in the local cloud."""

    user: Party | None
    """None for the one who runs the command, like the group."""
    group: Party | None
    name: str
    template: Template | None


def find_terms(cloud: Cloud, wishes: Wishes) -> Terms:
    """Return what *wishes* name; raises Refused, NotFound and the errors of a call."""
    if wishes.name:
        _check_name(wishes.name)
    user = _find_party("user", wishes.user, list_users(cloud)) if wishes.user else None
    group = wishes.group or (str(user.group_id) if user else "")
    return Terms(
        user=user,
        group=_find_party("group", group, list_groups(cloud)) if group else None,
        name=wishes.name,
        template=_find_template(cloud, wishes.template).template if wishes.template else None,
    )


def _check_name(name: str) -> None:
    try:
        check_value("the name", name)
    except ValueError as error:
        raise Refused(str(error), remedy="Choose another --name") from None
    if not name.strip() or len(name.encode()) > _LONGEST:
        raise Refused(
            f"{name[:60]!r} is not a name: it has {len(name.encode())} bytes, not 1 to {_LONGEST}",
            remedy="Choose another --name",
        )


def _find_party(kind: str, wanted: str, all_of_them: list[Party]) -> Party:
    for one in all_of_them:
        if wanted in (one.name, str(one.id)):
            return one
    raise NotFound(f"there is no {kind} {wanted} here", remedy=f"See: one{kind} list")


def _find_template(cloud: Cloud, wanted: str) -> VmTemplate:
    found = [one for one in cloud.list_templates() if wanted in (one.name, str(one.id))]
    if not found:
        raise NotFound(f"there is no template {wanted} here", remedy="See: onetemplate list")
    if len(found) > 1:
        ids = ", ".join(str(one.id) for one in found)
        raise Refused(
            f"several templates are called {wanted}: {ids}", remedy="Give the id of one of them"
        )
    return found[0]
