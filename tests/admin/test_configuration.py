from hypothesis import given
from hypothesis import strategies as st

from one2one.admin.install.configuration import add_block, list_mads, remove_block

_LINES = st.sampled_from(
    [
        "",
        '# a comment with VM_MAD = [ NAME="one" ]',
        "PORT = 2633\r",
        'VM_MAD = [ NAME = "kvm", EXECUTABLE = "one_vmm_exec" ]',
        'VM_MAD = [ NAME = "one", EXECUTABLE = "one_vmm_sh" ] # ours',
        'vm_mad=[\n\n  # ] not the end\n  NAME = "one", X = "]\\"]" ]',
        'IM_MAD = [ NAME = "one" ]',
        "caf\udce9 in Latin-1",
        "   ",
    ]
)
_FILES = st.tuples(st.lists(_LINES), st.sampled_from(["", "\n"])).map(
    lambda parts: "\n".join(parts[0]) + parts[1]
)
_ENTRY = 'VM_MAD = [ NAME = "one", EXECUTABLE = "one_vmm_one2one" ]'


@given(_FILES)
def test_taking_the_block_away_gives_the_file_back(source: str) -> None:
    assert remove_block(add_block(source, _ENTRY, ("VM_MAD",))) == source


@given(_FILES)
def test_only_the_new_entry_is_in_force(source: str) -> None:
    found = [mad for mad in list_mads(add_block(source, _ENTRY, ("VM_MAD",))) if mad.is_ours]
    executables = [mad.vector["EXECUTABLE"] for mad in found if mad.kind == "VM_MAD"]
    assert executables == ["one_vmm_one2one"]


@given(_FILES)
def test_other_drivers_stay_in_force(source: str) -> None:
    def others(text: str) -> list[tuple[str, str]]:
        return [(m.kind, m.vector["NAME"]) for m in list_mads(text) if m.kind == "IM_MAD"]

    assert others(add_block(source, _ENTRY, ("VM_MAD",))) == others(source)
