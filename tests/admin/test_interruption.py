"""An installation, or its removal, that is killed at any of its writes, as by a power cut."""

import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from one2one.admin.install.configuration import list_mads
from one2one.admin.install.entries import Mode
from one2one.admin.install.files import apply
from one2one.admin.install.layout import find_layout
from one2one.admin.install.plan import make_plan
from tests.admin.stock import FrontEnd, make_packaged

CUT_OFF = Path(__file__).with_name("cut_off.py")
Tree = dict[str, tuple[int, bytes | str]]


def run(root: Path, mode: Mode | None) -> None:
    """Run it to its end."""
    plan = make_plan(find_layout(root, {}), mode)
    apply(plan.changes, plan.directories)


def cut_off(root: Path, mode: Mode | None, writes: int) -> bool:
    """Run it up to a write; tell whether it came to its end before."""
    name = mode.value if mode else "none"
    done = subprocess.run([sys.executable, CUT_OFF, root, name, str(writes)], check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode == 0


def tree(root: Path) -> Tree:
    front_end = FrontEnd(root, root, root, root, {})
    return {str(Path(path).relative_to(root)): found for path, found in front_end.tree().items()}


def drivers(root: Path) -> list[Path]:
    """The executables of ours that the configuration names."""
    files = (root / "etc/one/oned.conf", root / "etc/one/monitord.conf")
    named = [mad.vector["EXECUTABLE"] for file in files for mad in list_mads(file.read_text())]
    return [root / "usr/lib/one/mads" / name for name in named if name.endswith("one2one")]


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [(None, Mode.RESIDENT, 3), (Mode.RESIDENT, None, 3), (None, Mode.SCRIPTS, 31)],
)
def test_it_can_be_completed_or_taken_back_from_anywhere(
    tmp_path: Path, before: Mode | None, after: Mode | None, step: int
) -> None:
    start = make_packaged(tmp_path / "start", "6.10").root
    clean = tree(start)
    if before:
        run(start, before)
    begun = tree(start)
    end = tmp_path / "end"
    shutil.copytree(start, end, symlinks=True)
    run(end, after)
    whole = tree(end)
    for writes in count(step=step):
        root = tmp_path / str(writes)
        shutil.copytree(start, root, symlinks=True)
        complete = cut_off(root, after, writes)
        for name in ("etc/one/oned.conf", "etc/one/monitord.conf"):
            assert tree(root)[name] in (begun[name], whole[name]), f"half of {name}"
        assert [*filter(Path.exists, drivers(root))] == drivers(root), "oned would not start"
        again = root.with_suffix(".again")
        shutil.copytree(root, again, symlinks=True)
        run(again, after)
        assert tree(again) == whole
        run(root, None)
        assert tree(root) == clean
        if complete:
            assert writes > 10
            return
