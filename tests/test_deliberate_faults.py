"""The deliberate faults of ``python -m bench.mutants`` can still be put into the source."""

import pytest

from bench.faults import FAULTS, Fault
from bench.mutants import ROOT


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.story)
def test_the_source_has_a_place_for_it(fault: Fault) -> None:
    source = (ROOT / "src" / "one2one" / fault.module).read_text()
    compile(fault.put_into(source), fault.module, "exec")
