"""Changes several files at once: writes all new files beside the old ones, then moves them.

A full disk, a missing right or an interruption shows before any file has changed. After an
interruption between two moves, the next run completes the changes or takes them back.
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
    """The content of a path: a file, or a symbolic link."""

    data: bytes = field(repr=False)
    mode: int = 0o644
    link: str = ""
    """A link's target; empty for a file."""


@dataclass(frozen=True)
class Change:
    """The present and the new content of a path; None means that there is no file."""

    path: Path
    before: Content | None
    after: Content | None


def read(path: Path) -> Content | None:
    """Return the content of *path*; raises OSError if it cannot be read."""
    if path.is_symlink():
        return Content(b"", link=str(path.readlink()))
    try:
        return Content(path.read_bytes(), path.stat().st_mode & 0o7777)
    except (FileNotFoundError, NotADirectoryError):
        return None


def find_staging_path(path: Path) -> Path:
    """Return the path for the new content of *path*; an interrupted run may leave it there."""
    return path.with_name(f".{path.name}.one2one-new")


def apply(changes: Sequence[Change], directories: Iterable[Path]) -> None:
    """Carry out *changes* in their order; raises ConfigurationError, having changed nothing.

    *directories* are directories, inner ones first, that are removed when they are empty.
    """
    _check_rights(changes)
    try:
        for change in changes:
            if change.after is not None:
                _stage(change.path, change.after)
        for change in changes:
            if change.after is None:
                change.path.unlink(missing_ok=True)
            else:
                find_staging_path(change.path).replace(change.path)
            _sync(change.path.parent)
    finally:
        for path in [find_staging_path(change.path) for change in changes]:
            with suppress(OSError):
                path.unlink()
        for directory in directories:
            with suppress(OSError):
                directory.rmdir()


def _check_rights(changes: Sequence[Change]) -> None:
    for change in changes:
        directory = _find_existing(change.path.parent)
        if not os.access(directory, os.W_OK | os.X_OK):
            if os.statvfs(directory).f_flag & os.ST_RDONLY:
                raise _unwritable(directory, "read-only file system")
            raise ConfigurationError(f"no right to write in {directory}", remedy="Run it as root")


def _unwritable(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"nothing was changed: cannot write {path} ({reason})",
        remedy="Correct that, then try again",
    )


def _stage(path: Path, content: Content) -> None:
    """Write what *path* shall hold beside it; raises ConfigurationError."""
    try:
        _write(path, content)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from None


def _write(path: Path, content: Content) -> None:
    _make_directory(path.parent)
    temporary = find_staging_path(path)
    temporary.unlink(missing_ok=True)
    if content.link:
        temporary.symlink_to(content.link)
        _own(temporary, like=path if path.is_symlink() else path.parent)
        return
    # Created without rights for others: the configuration may contain secrets.
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
    """Create *directory* and its parents, with the owner of the first existing parent."""
    if not directory.exists():
        _make_directory(directory.parent)
        directory.mkdir()
        _own(directory, like=directory.parent)


def _own(path: Path, like: Path) -> None:
    """Give *path* the owner of *like*; only root can, and only root needs to."""
    if os.geteuid() == 0:
        known = like.lstat()
        os.chown(path, known.st_uid, known.st_gid, follow_symlinks=False)


def _find_existing(directory: Path) -> Path:
    return directory if directory.exists() else _find_existing(directory.parent)


def _sync(directory: Path) -> None:
    with suppress(FileNotFoundError):
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
