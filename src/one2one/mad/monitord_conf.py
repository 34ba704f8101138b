"""monitord.conf, for a driver that has no message from monitord yet.

monitord reads the same file when it starts the driver. Source: ``Monitor.cc`` and
``MonitorConfigTemplate.cc``, the same from 5.12 to 7.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from one2one import runtime
from one2one.driver.locations import etc_location
from one2one.mad.im_messages import Configuration, read_configuration
from one2one.opennebula.errors import ConfigurationError, ProtocolError
from one2one.opennebula.template import Template, Vector, parse_text, to_xml
from one2one.opennebula.xml import parse

_SHELL = "one_im_sh"


@dataclass(frozen=True)
class MonitordConf:
    """The parts of monitord.conf that concern IM drivers."""

    configuration: Configuration
    drivers: tuple[Vector, ...]
    """Its IM_MAD entries."""

    def find_im_mad(self, executable: str, arguments: str) -> str:
        """Return the NAME of the driver that is *executable*, run with *arguments*.

        Raises ConfigurationError unless there is one, and no other like it.
        """
        names = [
            driver.get("NAME", "")
            for driver in self.drivers
            if PurePath(driver.get("EXECUTABLE", "")).name == PurePath(executable).name
            and driver.get("ARGUMENTS", "").strip() == arguments.strip()
        ]
        if len(names) == 1:
            return names[0]
        raise ConfigurationError(
            f"monitord.conf has {len(names)} IM_MADs with EXECUTABLE "
            f"{PurePath(executable).name} and ARGUMENTS {arguments!r}, not one",
            remedy="Correct its IM_MAD, or run: one2one install",
        )

    def runs_scripts(self, im_mad: str) -> bool:
        """Tell whether OpenNebula's own shell is the driver of that name."""
        return any(
            PurePath(driver.get("EXECUTABLE", "")).name == _SHELL
            for driver in self.drivers
            if driver.get("NAME") == im_mad
        )


def read_monitord_conf(environment: Mapping[str, str] = runtime.environment) -> MonitordConf | None:
    """Return what monitord.conf says, None where there is none, as before 5.12.

    Raises ConfigurationError where it cannot be read.
    """
    path = etc_location(environment) / "monitord.conf"
    try:
        source = parse_text(path.read_text(errors="surrogateescape"))
        network = source.vector("NETWORK")
        if key := network.get("PUBKEY", "").strip():
            network["PUBKEY"] = _read_key(Path(key))
        values = Template([("NETWORK", network), ("PROBES_PERIOD", source.vector("PROBES_PERIOD"))])
        configuration = read_configuration(parse(to_xml(values).encode()))
    except FileNotFoundError:
        return None
    except (OSError, ProtocolError, ValueError) as error:
        raise ConfigurationError(
            f"cannot read {path} ({error})", remedy="Correct it, and restart OpenNebula"
        ) from None
    return MonitordConf(configuration, tuple(source.vectors("IM_MAD")))


def _read_key(path: Path) -> str:
    """Return the text of a key; monitord takes a path without a file as the key itself."""
    try:
        return path.read_text()
    except OSError:
        return str(path)
