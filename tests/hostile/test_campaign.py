"""Some thousands of attacks; ``python -m bench.hostile`` makes as many as one wants."""

from pathlib import Path

import pytest

from tests.hostile import campaign, sieges

PARTS = 4
CASES = 500


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_but_typed_errors_comes_out(part: int) -> None:
    report = campaign.run(1, range(part * CASES, (part + 1) * CASES))
    assert report.failures == []
    assert report.answers > 3 * CASES
    assert report.lines > 5 * CASES


@pytest.mark.parametrize("siege", sieges.SIEGES, ids=lambda siege: siege.__name__)
def test_a_driver_under_siege(siege: sieges.Siege, tmp_path: Path) -> None:
    with campaign.remote() as port:
        assert siege(port, tmp_path, 1, 60).lines > 120
