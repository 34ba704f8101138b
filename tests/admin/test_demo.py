"""The demonstration leads VMs through their life, and shows what monitoring tells."""

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from one2one.admin.demo.command import demo
from tests.admin.command import ONE2ONE

DRIVERS = ("one_vmm_one2one", "one_im_one2one")


def test_a_whole_life_is_shown() -> None:
    result = CliRunner().invoke(demo, ["--plain", "--vms", "1"])
    assert result.exit_code == 0, result.output
    assert "host burst1 offers 20 cores and 32G, uses 0.1 cores and 128M" in result.output
    assert re.search(r"undeploy +local SHUTDOWN_UNDEPLOY +remote 0 EPILOG_UNDEPLOY", result.output)
    assert result.output.endswith("1 VMs, 9 operations each, all succeeded; nothing is left.\n")


@pytest.fixture
def environment_bin(tmp_path: Path) -> Path:
    """The directory of another environment's Python, with the drivers beside it."""
    venv.create(tmp_path / "venv")
    executables = tmp_path / "venv/bin"
    for name in DRIVERS:
        shutil.copy(Path(sys.executable).with_name(name), executables)
    return executables


def command_lines() -> Iterator[str]:
    """Yield those of all processes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            yield path.read_text(errors="replace")


@pytest.mark.parametrize("generation", ["5.10", "7.2"])
@pytest.mark.parametrize("broken", DRIVERS)
def test_a_driver_that_does_not_start_is_named(
    broken: str, generation: str, environment_bin: Path, tmp_path: Path
) -> None:
    driver, temporary = environment_bin / broken, tmp_path / "tmp"
    driver.chmod(0o644)
    temporary.mkdir()
    done = subprocess.run(
        [environment_bin / "python", ONE2ONE, "demo", "--generation", generation],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (255, "")
    assert done.stderr == (
        f"one2one: the driver {driver} does not start. "
        f"Install one2one again, or see why with: echo INIT | {driver}\n"
    )
    assert [*temporary.iterdir()] == []
    assert not [line for line in command_lines() if str(environment_bin) in line]
