"""Where OpenNebula keeps its files on the front-end: below / or, if it is set, $ONE_LOCATION."""

from collections.abc import Mapping
from pathlib import Path

from one2one import runtime


def var_location(environment: Mapping[str, str] = runtime.environment) -> Path:
    """Return the directory of oned's variable data: /var/lib/one, or $ONE_LOCATION/var."""
    one_location = environment.get("ONE_LOCATION")
    return Path(one_location, "var") if one_location else Path("/var/lib/one")


def etc_location(environment: Mapping[str, str] = runtime.environment) -> Path:
    """Return the directory of OpenNebula's configuration: /etc/one, or $ONE_LOCATION/etc."""
    one_location = environment.get("ONE_LOCATION")
    return Path(one_location, "etc") if one_location else Path("/etc/one")


def log_location(environment: Mapping[str, str] = runtime.environment) -> Path:
    """Return the directory of OpenNebula's logs: /var/log/one, or $ONE_LOCATION/var."""
    in_one_location = environment.get("ONE_LOCATION")
    return var_location(environment) if in_one_location else Path("/var/log/one")


def vm_log(vm_id: int, environment: Mapping[str, str] = runtime.environment) -> Path:
    """Return a VM's own log. Source: ``Nebula::get_vm_log_filename``."""
    if environment.get("ONE_LOCATION"):
        return var_location(environment) / "vms" / str(vm_id) / "vm.log"
    return log_location(environment) / f"{vm_id}.log"
