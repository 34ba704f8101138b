"""The RPM, installed into a scratch root."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.admin.test_packages import PROJECT, build

pytestmark = pytest.mark.skipif(
    not (shutil.which("rpmbuild") and shutil.which("python3.11")), reason="rpmbuild is EL's"
)


def run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("dist")
    build(output)
    [wheel] = output.glob("one2one-*.whl")
    run(PROJECT / "packaging/build-rpm", wheel, output)
    [made] = output.glob("*.rpm")
    return made


def test_it_needs_nothing_that_el_9_lacks(package: Path) -> None:
    needed = {line.split()[0] for line in run("rpm", "-qp", "--requires", package).splitlines()}
    ours = {name for name in needed if not name.startswith(("rpmlib", "/bin/sh"))}
    assert ours == {"python3.11", "python3.11-lxml", "python3.11-cryptography"}


def test_installed_it_has_all_that_it_imports(package: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    run("rpm", "--root", root, "--initdb")
    run("rpm", "--root", root, "--install", "--nodeps", "--noscripts", package)
    assert run("rpm", "--root", root, "--verify", "--nodeps", "one2one") == ""
    home = root / "usr/lib/one2one"
    assert (home / "bin/python").readlink() == Path("/usr/bin/python3.11")
    assert (home / "bin/one2one").read_text().startswith("#!/usr/lib/one2one/bin/python -I\n")
    assert (root / "usr/bin/one2one").resolve() == home / "bin/one2one"
    modules = home / "lib/python3.11/site-packages"
    program = f"""
import importlib.util, sys
sys.path[:] = [{str(modules)!r}]
print(*(importlib.util.find_spec(name).origin for name in
        ("one2one", "click", "rich", "pygments", "markdown_it", "mdurl", "prometheus_client")))
"""
    found = run("python3.11", "-I", "-c", program).split()
    assert [Path(origin).is_relative_to(modules) for origin in found] == [True] * 7
    assert list(modules.glob("one2one/__pycache__/*.pyc")), "oned's user cannot compile them"
