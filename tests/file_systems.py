"""File systems that one process alone sees: read-only, or full."""

import os
import resource
import subprocess
from pathlib import Path

import pytest

_NAMESPACE = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


def _may_mount() -> bool:
    return subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""For a process on a full disk: Python would leave half a compiled module behind."""
needs_mounts = pytest.mark.skipif(not _may_mount(), reason="no mounts are allowed here")


def read_only(directory: Path) -> list[str]:
    """Return what stands before a command that is to see *directory* read-only."""
    return _mount(directory, 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"')


def without_room(directory: Path) -> list[str]:
    """Return what stands before a command for which *directory* is empty, and takes no file."""
    return _mount(directory, 'mount -t tmpfs -o nr_inodes=1 tmpfs "$1"')


def write_nothing() -> None:
    """Let this process write into no file any more, as on a disk without space."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _mount(directory: Path, mount: str) -> list[str]:
    return [*_NAMESPACE, "sh", "-c", f'{mount} && shift && exec "$@"', "sh", str(directory)]
