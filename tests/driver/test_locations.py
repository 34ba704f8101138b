"""OpenNebula's files are below / or, if that is set, below $ONE_LOCATION."""

import pytest

from one2one.driver.locations import etc_location, log_location, var_location, vm_log


@pytest.mark.parametrize(
    ("environment", "places"),
    [
        ({}, ("/var/lib/one", "/etc/one", "/var/log/one", "/var/log/one/7.log")),
        ({"ONE_LOCATION": "/o"}, ("/o/var", "/o/etc", "/o/var", "/o/var/vms/7/vm.log")),
    ],
)
def test_opennebulas_places(environment: dict[str, str], places: tuple[str, ...]) -> None:
    found = [locate(environment) for locate in (var_location, etc_location, log_location)]
    assert (*map(str, found), str(vm_log(7, environment))) == places
