"""The archive: collected, cleaned, bounded, searched for secrets, and only then written."""

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from one2one.admin.secrets import Secrets
from one2one.admin.support.parts import Part
from one2one.admin.support.tail import clean_text
from one2one.opennebula.errors import InternalError, OneError, Refused

_OTHERS_MAY_NOT = 0o600


@dataclass(frozen=True)
class Entry:
    """A file as it will be in the archive."""

    name: str
    size: int
    """Bytes; 0 for one that is left out."""
    note: str
    """Why it is left out; empty for one that is there."""
    text: str


def collect(parts: Iterable[Part], secrets: Secrets, most: int) -> Iterator[Entry]:
    """Yield what each part has become; all together have at most *most* bytes."""
    left = most
    for part in parts:
        try:
            text = secrets.hide(clean_text(secrets.hide_all(part.collect())))
        except (OneError, OSError, ValueError) as error:
            note = secrets.hide(clean_text(secrets.hide_all(str(error))))
            yield Entry(part.name, 0, note, "")
            continue
        size = len(text.encode(errors="replace"))
        if size > left:
            yield Entry(part.name, 0, f"the archive would have more than {most >> 20} MB", "")
            continue
        left -= size
        yield Entry(part.name, size, "", text)


def pack(entries: Iterable[Entry], directory: str) -> bytes:
    """Return a tar.gz with the entries in a *directory*; it tells nothing of this machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for entry in entries:
            if entry.note:
                continue
            data = entry.text.encode(errors="replace")
            info = tarfile.TarInfo(f"{directory}/{entry.name}")
            info.size, info.mode = len(data), _OTHERS_MAY_NOT
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def require_no_secret(packed: bytes, secrets: Secrets) -> None:
    """Raise InternalError if a file in a packed archive has a known secret in it.

    Names are not looked at: a password may be a word in ours, such as ``oned``.
    """
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            text = file.read().decode(errors="replace") if file else ""
            if secrets.are_in(text):
                raise InternalError(f"{member.name} would have a secret in it: nothing is written")


def write(path: Path, packed: bytes) -> None:
    """Write a new file that only its owner may read; raises Refused where there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OTHERS_MAY_NOT)
    except FileExistsError:
        raise Refused(f"{path} exists", remedy="Name another file with --output") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(packed)
    except BaseException:
        path.unlink()
        raise
