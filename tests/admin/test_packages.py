"""What is given to administrators: the wheels, the sources, and the Debian package, installed."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.admin.stock import make_packaged

PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg is Debian's")


def build(output: Path, project: Path = PROJECT) -> None:
    """Build everything, as ``./dev build`` does."""
    hatchling = [sys.executable, "-m", "hatchling", "build", "--directory", str(output)]
    for directory in (project, project / "src/opennebula_sandbox"):
        subprocess.run(hatchling, cwd=directory, capture_output=True, check=True)
    [wheel] = output.glob("one2one-*.whl")
    command = [project / "packaging/build-deb", wheel, output]
    subprocess.run(command, capture_output=True, check=True)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("dist")
    build(output)
    return output


def metadata(dist: Path, name: str = "one2one") -> str:
    """Return the metadata of a wheel."""
    [wheel] = dist.glob(f"{name}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [found] = [member for member in archive.namelist() if member.endswith("/METADATA")]
        return archive.read(found).decode()


@dataclass(frozen=True)
class Machine:
    """A machine with a package database of its own, and none of the dependencies' packages."""

    root: Path

    def dpkg(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        forced = [f"--force-{thing}" for thing in ("depends", "not-root", "script-chrootless")]
        return subprocess.run(
            ["dpkg", f"--root={self.root}", *forced, *arguments],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def modules(self) -> Path:
        """Where Python's modules are."""
        return self.root / "usr/lib/python3/dist-packages"

    def python(self, *arguments: str | Path, sent: str = "") -> subprocess.CompletedProcess[str]:
        """Run Python with the dependencies of the tests' interpreter, but not with our modules."""
        return subprocess.run(
            [sys.executable, "-S", *arguments],
            env={"PYTHONPATH": f"{self.modules}:{sysconfig.get_path('purelib')}"},
            input=sent,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, name: str, *arguments: str | Path, sent: str = "") -> str:
        """Run an installed command."""
        done = self.python(self.root / "usr/bin" / name, *arguments, sent=sent)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path, dist: Path) -> Machine:
    made = Machine(tmp_path / "machine")
    database = made.root / "var/lib/dpkg"
    for directory in ("info", "updates"):
        (database / directory).mkdir(parents=True)
    (database / "status").touch()
    [package] = dist.glob("*.deb")
    done = made.dpkg("--install", package)
    assert done.returncode == 0, done.stderr
    return made


def test_the_commands_of_the_debian_package_work(machine: Machine) -> None:
    assert "one2one, version" in machine.run("one2one", "--version")
    assert machine.run("one_vmm_one2one", "-t 15 -r 0 one", sent="INIT\n") == "INIT SUCCESS\n"
    assert machine.run("one_im_one2one", "one", sent="INIT\n") == "INIT SUCCESS\n"
    make_packaged(machine.root, "6.10")
    shown = machine.run("one2one", "install", "--root", machine.root, "--dry-run")
    assert 'EXECUTABLE     = "one_vmm_one2one"' in shown
    where = machine.python("-c", "import one2one; print(one2one.__file__)").stdout
    assert where.startswith(str(machine.root)), "not the tests' own one2one"


_OF_A_REMOTE = ["--endpoint", "http://127.0.0.1:1", "--user", "burst", "--template", "0"]


@pytest.mark.parametrize(
    ("command", "arguments"), [("demo", []), ("verify", _OF_A_REMOTE), ("sandbox", [])]
)
def test_what_needs_the_sandbox_names_it_until_it_is_there(
    command: str, arguments: list[str], machine: Machine, dist: Path
) -> None:
    executable = machine.root / "usr/bin/one2one"
    done = machine.python(executable, command, *arguments)
    assert (done.returncode, done.stdout) == (255, "")
    assert done.stderr == (
        f"one2one: {command} needs opennebula-sandbox, a package of its own. "
        "Install it from one2one's sources: pip install . ./src/opennebula_sandbox\n"
    )
    [wheel] = dist.glob("opennebula_sandbox-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(machine.modules)
    assert f"Usage: one2one {command}" in machine.run("one2one", command, "--help")
    alone = machine.python("-m", "opennebula_sandbox", "--help")
    assert "Usage: python -m opennebula_sandbox" in alone.stdout


def test_the_package_is_not_removed_under_the_drivers(machine: Machine) -> None:
    """oned does not start without an executable that oned.conf names."""
    front_end = make_packaged(machine.root, "6.10")
    machine.run("one2one", "install", "--root", machine.root, "--yes")
    refused = machine.dpkg("--remove", "one2one")
    assert refused.returncode != 0
    assert "Remove them first: one2one uninstall" in refused.stderr
    machine.run("one2one", "uninstall", "--root", machine.root, "--yes")
    assert machine.dpkg("--remove", "one2one").returncode == 0
    assert front_end.lib.exists()
    assert not list(machine.root.glob("usr/**/one2one*"))


def test_the_debian_package_is_whole(machine: Machine) -> None:
    verified = machine.dpkg("--verify", "one2one")
    assert (verified.returncode, verified.stdout) == (0, "")
    documents = machine.root / "usr/share/doc/one2one"
    assert (documents / "contrib/prometheus/rules.yml").exists()
    assert (documents / "docs/architecture.md").exists()


def test_debian_has_every_dependency(dist: Path) -> None:
    """The wheel's dependencies, each at the same version or a later one."""
    needed = dict(re.findall(r"^Requires-Dist: ([\w-]+)>=([\d.]+)$", metadata(dist), re.MULTILINE))
    [package] = dist.glob("*.deb")
    field = ["dpkg-deb", "--field", str(package), "Depends"]
    depends = subprocess.run(field, capture_output=True, text=True, check=True).stdout
    declared = dict(re.findall(r"python3-([\w-]+) \(>= ([\d.]+)\)", depends))
    assert declared == needed
    assert "python3 (>= 3.11)" in depends


def test_the_sandbox_fits_this_very_version(dist: Path) -> None:
    driver, sandbox = metadata(dist), metadata(dist, "opennebula_sandbox")
    [version] = re.findall(r"^Version: (.+)$", driver, re.MULTILINE)
    assert f"\nVersion: {version}\n" in sandbox
    assert f"\nRequires-Dist: one2one=={version}\n" in sandbox
    assert f"\nRequires-Dist: opennebula-sandbox=={version}; extra == 'sandbox'\n" in driver


def test_the_sources_make_the_same_packages(tmp_path: Path, dist: Path) -> None:
    [sources] = dist.glob("one2one-*.tar.gz")
    with tarfile.open(sources) as archive:
        archive.extractall(tmp_path, filter="data")
    again = tmp_path / "again"
    build(again, tmp_path / sources.name.removesuffix(".tar.gz"))
    for pattern in ("one2one-*.whl", "opennebula_sandbox-*.whl", "*.deb"):
        [first], [second] = dist.glob(pattern), again.glob(pattern)
        assert first.read_bytes() == second.read_bytes(), pattern
