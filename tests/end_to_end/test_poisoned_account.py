"""One odd VM of the account does not disturb the others."""

import pytest

from tests.end_to_end.burst import GUARD_S, PAIRS, Burst, burst, monitoring_settings
from tests.end_to_end.poison import poison
from tests.end_to_end.test_reaper import has_log


def hybrid_id(both: Burst) -> str:
    return both.host.template.text("ONE_HYBRID_ID")


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_monitoring_and_the_reaper_go_on(generation: str, way: str) -> None:
    with burst(generation, way, monitoring=monitoring_settings(generation)) as both:
        stays, ended, odd_one = both.run_vm(), both.run_vm(), both.run_vm()
        ended.act("poweroff-hard")
        ended.wait("POWEROFF")
        odd = poison(both.cloud, hybrid_id(both))
        both.frontend.pools.find_vm(odd_one.id).name = "\N{GRINNING FACE}"  # on this side too
        both.end_long_ago(ended)
        both.wait_remote(ended, "DONE")
        assert set(both.alive()) == {both.remote_id(stays), both.remote_id(odd_one), *odd}

        both.frontend.clock.jump(GUARD_S)
        both.cloud.act(both.remote_id(stays), "poweroff-hard")
        stays.wait("POWEROFF")  # monitoring tells
        stays.act("resume")
        stays.wait("RUNNING")
        assert both.remote_id(both.run_vm()) not in odd  # the listing has both
        assert both.host.state.endswith("MONITORED")
        assert odd_one.state == "RUNNING"
        told = has_log(
            both, way, "cannot be read, and is left alone: its answer holds a character beyond"
        )
        assert both.frontend.pools.wait_for(told, 30)
