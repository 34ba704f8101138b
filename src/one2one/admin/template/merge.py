"""Updates a local template, and keeps the changes of its administrator.

For each attribute it compares three values: the value that sync wrote the last time, the present
value, and the value for the remote template. It changes only values that are still as sync wrote
them. The local template remembers the written values in ``ONE2ONE_SYNC``: the paths of the
attributes, each with a digest of its value.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from one2one.admin.template.derive import Attributes
from one2one.opennebula.clean import clean_line
from one2one.opennebula.template import Template, Vector

MARK = "ONE2ONE_SYNC"
"""Attribute of the templates that ``one2one template sync`` looks after; others it leaves alone.

``YES`` instead of what was written lets sync take over all that it would write.
"""

_DIGEST_BYTES = 5


@dataclass(frozen=True)
class Change:
    """What becomes of one attribute."""

    attribute: str
    """``VECTOR/MEMBER`` for a member of a vector."""
    old: str
    """What the local template says; empty when nothing."""
    new: str
    """What the remote template asks for; empty when nothing."""
    kept: bool
    """Whether the old value stays, because it is not what sync wrote."""


@dataclass(frozen=True)
class Merged:
    """What is to be done to a local template."""

    changes: tuple[Change, ...]
    """The attributes that differ, by path."""
    written: Template
    """What ``Update.MERGE`` is given; empty when the template is in step."""
    renamed_from: str
    """The remote template's name at the last sync, where it has another one now."""


def is_marked(template: Template) -> bool:
    """Tell whether sync looks after the local *template*."""
    return bool(template.vector(MARK)) or _adopts(template)


def build_memory(attributes: Attributes, remote_name: str) -> Vector:
    """Return what ONE2ONE_SYNC says when *attributes* have been written."""
    wrote = " ".join(
        f"{path}:{_compute_digest(value)}" for path, value in sorted(attributes.items())
    )
    return {"NAME": _shorten(remote_name), "WROTE": wrote}


def build_template(attributes: Mapping[str, str]) -> Template:
    """Return the template with these *attributes*."""
    template = Template()
    for name, paths in groupby(sorted(attributes), key=lambda path: path.partition("/")[0]):
        members = {path.partition("/")[2]: attributes[path] for path in paths}
        template.add(name, members.get("") or members)
    return template


def merge(known: Template, wanted: Attributes, remote_name: str, *, overwrite: bool) -> Merged:
    """Return what brings the local template *known* into step with what is *wanted*.

    With *overwrite* also in what was changed here by hand.
    """
    wrote = dict(_read_memory(known))
    overwrite |= _adopts(known)
    changes = []
    for path in sorted(wrote.keys() | wanted.keys()):
        old, new = _read_value(known, path), wanted.get(path, "")
        if old == new:
            continue
        may_replace = overwrite or wrote.get(path, _compute_digest("")) == _compute_digest(old)
        changes.append(Change(path, old, new, kept=not may_replace))
    remembered = build_memory(wanted, remote_name)
    before = known.vector(MARK).get("NAME", remembered["NAME"])
    written = Template(_list_writes(known, [change for change in changes if not change.kept]))
    if known.vectors(MARK) != [remembered]:
        written.add(MARK, remembered)
    return Merged(tuple(changes), written, before if before != remembered["NAME"] else "")


def _list_writes(known: Template, changes: list[Change]) -> Iterator[tuple[str, str | Vector]]:
    """Yield each attribute that the changes touch, as it is afterwards.

    A merge replaces all attributes of a name. So all vectors of that name are written again.
    """
    for name, group in groupby(changes, key=lambda change: change.attribute.partition("/")[0]):
        members = {change.attribute.partition("/")[2]: change.new for change in group}
        if "" in members:
            yield name, members[""] or {}
            continue
        first = {k: v for k, v in (known.vector(name) | members).items() if v or k not in members}
        vectors = [first, *known.vectors(name)[1:]]
        yield from ((name, vector) for vector in vectors if vector or len(vectors) == 1)


def _read_memory(known: Template) -> Iterator[tuple[str, str]]:
    for word in known.vector(MARK).get("WROTE", "").split():
        path, _, digest = word.partition(":")
        yield path, digest


def _adopts(known: Template) -> bool:
    return known.text(MARK).upper() == "YES"


def _read_value(known: Template, path: str) -> str:
    name, _, member = path.partition("/")
    return known.vector(name).get(member, "") if member else known.text(name)


def _compute_digest(value: str) -> str:
    return hashlib.blake2s(value.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _shorten(name: str) -> str:
    return clean_line(name, 128)
