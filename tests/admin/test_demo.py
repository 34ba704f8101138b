"""The demonstration leads VMs through their life, and shows what monitoring tells."""

import re

from click.testing import CliRunner

from one2one.admin.demo.command import demo


def test_a_whole_life_is_shown() -> None:
    result = CliRunner().invoke(demo, ["--plain", "--vms", "1"])
    assert result.exit_code == 0, result.output
    assert "host burst1 offers 20 cores and 32G, uses 0.1 cores and 128M" in result.output
    assert re.search(r"undeploy +local SHUTDOWN_UNDEPLOY +remote 0 EPILOG_UNDEPLOY", result.output)
    assert result.output.endswith("1 VMs, 9 operations each, all succeeded; nothing is left.\n")
