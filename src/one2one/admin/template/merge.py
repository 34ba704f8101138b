"""Bringing a local template into step, and leaving alone what its administrator made of it.

Three things are compared for each attribute: what sync wrote the last time, what the local
template says now, and what the remote template asks for. Only what is still as sync wrote it is
changed. What was written is remembered in the local template itself, as ``ONE2ONE_SYNC``: the
paths of the attributes, each with a digest of its value.
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


def memory(attributes: Attributes, remote_name: str) -> Vector:
    """Return what ONE2ONE_SYNC says when *attributes* have been written."""
    wrote = " ".join(f"{path}:{_digest(value)}" for path, value in sorted(attributes.items()))
    return {"NAME": _memorable(remote_name), "WROTE": wrote}


def whole(attributes: Mapping[str, str]) -> Template:
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
    wrote = dict(_wrote(known))
    overwrite |= _adopts(known)
    changes = []
    for path in sorted(wrote.keys() | wanted.keys()):
        old, new = _current(known, path), wanted.get(path, "")
        if old == new:
            continue
        ours = overwrite or wrote.get(path, _digest("")) == _digest(old)
        changes.append(Change(path, old, new, kept=not ours))
    remembered = memory(wanted, remote_name)
    before = known.vector(MARK).get("NAME", remembered["NAME"])
    written = Template(_read_written(known, [change for change in changes if not change.kept]))
    if known.vectors(MARK) != [remembered]:
        written.add(MARK, remembered)
    return Merged(tuple(changes), written, before if before != remembered["NAME"] else "")


def _read_written(known: Template, changes: list[Change]) -> Iterator[tuple[str, str | Vector]]:
    """Yield each attribute that the changes touch, as it is afterwards.

    A merge takes away all of a name, so all that there are of it come along.
    """
    for name, group in groupby(changes, key=lambda change: change.attribute.partition("/")[0]):
        members = {change.attribute.partition("/")[2]: change.new for change in group}
        if "" in members:
            yield name, members[""] or {}
            continue
        first = {k: v for k, v in (known.vector(name) | members).items() if v or k not in members}
        vectors = [first, *known.vectors(name)[1:]]
        yield from ((name, vector) for vector in vectors if vector or len(vectors) == 1)


def _wrote(known: Template) -> Iterator[tuple[str, str]]:
    for word in known.vector(MARK).get("WROTE", "").split():
        path, _, digest = word.partition(":")
        yield path, digest


def _adopts(known: Template) -> bool:
    return known.text(MARK).upper() == "YES"


def _current(known: Template, path: str) -> str:
    name, _, member = path.partition("/")
    return known.vector(name).get(member, "") if member else known.text(name)


def _digest(value: str) -> str:
    return hashlib.blake2s(value.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _memorable(name: str) -> str:
    return clean_line(name, 128)
