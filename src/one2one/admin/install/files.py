"""Changing several files at once: everything is written beside them first, then moved in place.

A full disk, a missing right or an interruption shows before anything has changed. What an
interruption between two moves leaves is completed, or taken back, by running the command again.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from one2one.opennebula.errors import ConfigurationError


@dataclass(frozen=True)
class Content:
    """What a path holds: a file, or a symbolic link."""

    data: bytes = field(repr=False)
    mode: int = 0o644
    link: str = ""
    """A link's target; empty for a file."""


@dataclass(frozen=True)
class Change:
    """What a path holds and shall hold; None is nothing."""

    path: Path
    before: Content | None
    after: Content | None


def read(path: Path) -> Content | None:
    """Return what *path* holds; raises OSError for what cannot be read."""
    if path.is_symlink():
        return Content(b"", link=str(path.readlink()))
    try:
        return Content(path.read_bytes(), path.stat().st_mode & 0o7777)
    except (FileNotFoundError, NotADirectoryError):
        return None


def staging(path: Path) -> Path:
    """Return where the new content of *path* waits; an interrupted run may leave it there."""
    return path.with_name(f".{path.name}.one2one-new")


def apply(changes: Sequence[Change], ours: Iterable[Path]) -> None:
    """Carry out *changes* in their order; raises ConfigurationError, having changed nothing.

    *ours* are directories, inner ones first, that are removed when they are empty.
    """
    _check_rights(changes)
    try:
        for change in changes:
            if change.after is not None:
                _stage(change.path, change.after)
    except OSError as error:
        raise ConfigurationError(
            f"nothing was changed: cannot write {error.filename} ({error.strerror})",
            remedy="Correct that, then try again",
        ) from None
    else:
        for change in changes:
            if change.after is None:
                change.path.unlink(missing_ok=True)
            else:
                staging(change.path).replace(change.path)
            _sync(change.path.parent)
    finally:
        for change in changes:
            staging(change.path).unlink(missing_ok=True)
        for directory in ours:
            with suppress(OSError):
                directory.rmdir()


def _check_rights(changes: Sequence[Change]) -> None:
    for change in changes:
        directory = _existing(change.path.parent)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise ConfigurationError(f"no right to write in {directory}", remedy="Run it as root")


def _stage(path: Path, content: Content) -> None:
    _make_directory(path.parent)
    temporary = staging(path)
    temporary.unlink(missing_ok=True)
    if content.link:
        temporary.symlink_to(content.link)
        _own(temporary, like=path if path.is_symlink() else path.parent)
        return
    # Created without rights, so that nobody reads what the configuration keeps from them.
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content.data)
        file.flush()
        os.fsync(fd)
    known = path.exists() and not path.is_symlink()
    if known:
        shutil.copystat(path, temporary)
    _own(temporary, like=path if known else path.parent)
    temporary.chmod(content.mode)


def _make_directory(directory: Path) -> None:
    """Create *directory* and its parents, owned like the one that there is."""
    if not directory.exists():
        _make_directory(directory.parent)
        directory.mkdir()
        _own(directory, like=directory.parent)


def _own(path: Path, like: Path) -> None:
    """Give *path* the owner of *like*; only root can, and only root needs to."""
    if os.geteuid() == 0:
        known = like.lstat()
        os.chown(path, known.st_uid, known.st_gid, follow_symlinks=False)


def _existing(directory: Path) -> Path:
    return directory if directory.exists() else _existing(directory.parent)


def _sync(directory: Path) -> None:
    with suppress(FileNotFoundError):
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
