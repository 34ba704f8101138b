"""Plans all changes of an installation, or of its removal, before any file is changed.

If our file replaces one of another package, that one is kept below ``<var>/one2one``. The removal
puts it back, unless our file was replaced in the meantime, as by a package upgrade.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from one2one.admin.install import entries
from one2one.admin.install.configuration import has_block, remove_block
from one2one.admin.install.entries import Mode
from one2one.admin.install.files import Change, Content, find_staging_path, read
from one2one.admin.install.layout import Layout
from one2one.driver.local import LOCK
from one2one.mad.scripts.layout import LAYOUT, render_launcher
from one2one.opennebula.errors import ConfigurationError, OneError

RESIDENT = {"one_vmm_one2one": "one2one.mad.vmm", "one_im_one2one": "one2one.mad.im"}
"""Name in OpenNebula's directory of drivers → module whose ``main`` it runs."""

DISPLACED = ("im/one.d/poll", "im/one.d/monitord-client_control.sh")
"""The Ruby driver's probes below ``remotes``: the stock shell would run them beside ours."""

_OURS = b"\nfrom one2one."
"""In every executable that we write, and in none of OpenNebula's."""


@dataclass(frozen=True)
class Plan:
    """What to change, in an order in which no configuration names a missing executable."""

    changes: list[Change]
    configuration: frozenset[Path]
    kept: Path
    """Where the replaced files are kept."""
    directories: list[Path]
    """Those to remove when they are empty, inner ones first."""


def modules(mode: Mode) -> set[str]:
    """Return the modules that the executables of *mode* run."""
    return set((RESIDENT if mode is Mode.RESIDENT else LAYOUT).values())


def make_plan(layout: Layout, mode: Mode | None) -> Plan:
    """Return what leads to *mode*, None for no installation.

    Raises ConfigurationError for what must be put right by hand first, and OSError for what
    cannot be read.
    """
    kept = layout.var / "one2one"
    resident = {layout.mads / name: module for name, module in RESIDENT.items()}
    scripts = {layout.remotes / name: module for name, module in LAYOUT.items()}
    wanted = {Mode.RESIDENT: resident, Mode.SCRIPTS: scripts, None: {}}[mode]

    planner = _Planner(layout, kept)
    executables = [
        change
        for path in (*resident, *scripts)
        for change in planner.executable(path, wanted.get(path))
    ]
    for name in DISPLACED:
        executables += planner.list_displaced(layout.remotes / name, away=mode is Mode.SCRIPTS)
    configuration = [*planner.configuration(mode)]
    changes = configuration + executables if mode is None else executables + configuration
    if mode is None:
        changes += _remove(layout.var / LOCK)
    files = frozenset(path.resolve() for path in _files(layout))
    changed = {change.path for change in changes}
    # What an interrupted run may have left.
    staged = {find_staging_path(path) for path in (*resident, *scripts, *files)}
    staged |= set(kept.rglob(find_staging_path(Path("*")).name))
    for path in sorted(staged - {find_staging_path(path) for path in changed}):
        changes += _remove(path)
    directories = {path.parent for path in scripts}
    directories |= {path for path in (kept, *kept.rglob("*")) if path.is_dir()}
    for change in changes:
        if change.path.is_relative_to(kept):
            directories |= {p for p in change.path.parents if p.is_relative_to(kept)}
    return Plan(changes, files, kept, sorted(directories)[::-1])


class _Planner:
    """Compares what an installation has with what it shall have."""

    def __init__(self, layout: Layout, kept: Path) -> None:
        self._layout = layout
        self._kept = kept

    def executable(self, path: Path, module: str | None) -> Iterator[Change]:
        """Yield what makes *path* run *module*, or what it was before."""
        present = read(path)
        is_ours = present is not None and _OURS in present.data
        if module:
            after = Content(render_launcher(module).encode(), 0o755)
            if present != after:
                if not is_ours:
                    yield from self._keep(path, present)
                yield Change(path, present, after)
        else:
            if is_ours:
                yield Change(path, present, read(self._copy(path)))
            yield from _remove(self._copy(path))

    def list_displaced(self, path: Path, *, away: bool) -> Iterator[Change]:
        """Yield what takes *path* out of the way, or puts it back."""
        present = read(path)
        if away:
            if present is not None:
                yield from self._keep(path, present)
                yield Change(path, present, None)
            return
        copy = read(self._copy(path))
        if copy is not None and present is None:
            yield Change(path, None, copy)
        yield from _remove(self._copy(path))

    def configuration(self, mode: Mode | None) -> Iterator[Change]:
        """Yield what gives the configuration our entries, or takes them away."""
        for path in _files(self._layout):
            present = read(path.resolve())
            if present is None:
                raise ConfigurationError(f"{path} does not exist", remedy="Restore it first")
            # oned takes any bytes, so these must survive what is not UTF-8.
            source = present.data.decode(errors="surrogateescape")
            try:
                after = self._edit(path, source, mode)
            except OneError as error:
                raise ConfigurationError(f"{path}: {error.cause}", remedy=error.remedy) from None
            if mode is None:
                yield from _remove(self._copy(path))
            elif not has_block(source) and after != source:
                yield from self._keep(path, present)
            if after != source:
                data = after.encode(errors="surrogateescape")
                yield Change(path.resolve(), present, Content(data, present.mode))

    def _edit(self, path: Path, source: str, mode: Mode | None) -> str:
        if mode is None:
            return remove_block(source)
        if path == self._layout.oned_conf:
            return entries.edit_oned_conf(source, self._layout, mode)
        return entries.edit_monitord_conf(source, mode)

    def _keep(self, path: Path, present: Content | None) -> Iterator[Change]:
        if present is not None:
            copy = self._copy(path)
            yield Change(copy, read(copy), present)

    def _copy(self, path: Path) -> Path:
        return self._kept / path.relative_to(self._layout.root)


def _files(layout: Layout) -> Iterator[Path]:
    """Yield the configuration files, in the order that is safe to change them in."""
    if layout.monitord_conf:
        yield layout.monitord_conf
    yield layout.oned_conf


def _remove(path: Path) -> Iterator[Change]:
    present = read(path)
    if present is not None:
        yield Change(path, present, None)
