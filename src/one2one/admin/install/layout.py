"""Where an OpenNebula has its files, and which release it is.

Packages use /etc/one, /usr/lib/one and /var/lib/one; a self-contained installation has etc, lib
and var below $ONE_LOCATION (``install.sh``, the same from 5.4 to 7.4).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from one2one.opennebula.errors import ConfigurationError

OLDEST = (5, 6)
"""The first release that is supported."""

_RUBY_VERSION = re.compile(r"^\s*VERSION = '([0-9.]+)'", re.MULTILINE)


@dataclass(frozen=True)
class Layout:
    """An installed OpenNebula."""

    root: Path
    etc: Path
    lib: Path
    var: Path
    version: tuple[int, ...]

    @property
    def oned_conf(self) -> Path:
        """The daemon's configuration."""
        return self.etc / "oned.conf"

    @property
    def monitord_conf(self) -> Path | None:
        """The configuration with the IM drivers; before 5.12 that is oned.conf."""
        return self.etc / "monitord.conf" if self.version >= (5, 12) else None

    @property
    def mads(self) -> Path:
        """The directory of the drivers' executables."""
        return self.lib / "mads"

    @property
    def remotes(self) -> Path:
        """The directory of the scripts that the stock drivers run."""
        return self.var / "remotes"


def find_layout(root: Path, environment: Mapping[str, str]) -> Layout:
    """Return the OpenNebula below *root* (``/`` for this machine's own).

    Raises ConfigurationError when there is none, or one that is too old.
    """
    one_location = environment.get("ONE_LOCATION")
    if one_location:
        base = root / one_location.lstrip("/")
        etc, lib, var = base / "etc", base / "lib", base / "var"
    else:
        etc, lib, var = root / "etc/one", root / "usr/lib/one", root / "var/lib/one"
    for needed in (etc / "oned.conf", lib / "mads", var / "remotes"):
        if not needed.exists():
            raise ConfigurationError(
                f"no OpenNebula front-end here: {needed} does not exist",
                remedy="Run this on the front-end; set ONE_LOCATION for one that is not packaged",
            )
    layout = Layout(root, etc, lib, var, _version(lib, var))
    if layout.version < OLDEST:
        release = ".".join(map(str, layout.version))
        raise ConfigurationError(f"OpenNebula {release} is too old", remedy="Use 5.6 or later")
    return layout


def _version(lib: Path, var: Path) -> tuple[int, ...]:
    """Return the release by the Ruby library, which packages replace; remotes may be copied."""
    for path in (lib / "ruby/opennebula/version.rb", lib / "ruby/opennebula.rb"):
        if path.exists() and (match := _RUBY_VERSION.search(path.read_text(errors="replace"))):
            return tuple(map(int, match[1].split(".")))
    path = var / "remotes/VERSION"
    try:
        return tuple(map(int, path.read_text().strip().split(".")))
    except (OSError, ValueError):
        raise ConfigurationError(
            f"cannot tell which OpenNebula this is: no release in {path}",
            remedy="Install the complete opennebula package",
        ) from None
