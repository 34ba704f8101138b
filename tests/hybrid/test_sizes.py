"""What a remote VM is resized to, by what it says of the local size that it follows."""

import pytest

from one2one.hybrid.sizes import (
    Followed,
    Size,
    find_changes,
    find_left,
    format_followed,
    note_try,
    read_followed,
    read_old_size,
    read_size,
)
from one2one.opennebula.records import Vm
from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Vector


def vm(size: Vector, followed: Followed | None = None, **more: Vector) -> Vm:
    says = format_followed(followed) if followed else Template()
    template = Template([*size.items(), *more.items()])
    return Vm(7, "web", RUNNING, "", 0, template=template, user_template=says)


def cpu(number: str) -> Size:
    return {"CPU": number}


@pytest.mark.parametrize(
    ("local", "remote", "followed", "left"),
    [
        ("1", "1", Followed(cpu("1")), {}),
        # The template decided: a difference is right.
        ("1", "4", Followed(cpu("1")), {}),
        ("1.0", "4", Followed(cpu("1")), {}),
        ("2", "4", Followed(cpu("1")), cpu("2")),
        ("2", "2.00", Followed(cpu("1")), {}),
        ("2", "4", None, {}),
        # A resize to 3 was tried. Where it failed, nothing has changed.
        ("1", "4", Followed(cpu("1"), cpu("3")), {}),
        # Where only the remote did it, it is taken back there too.
        ("1", "3", Followed(cpu("1"), cpu("3")), cpu("1")),
        ("3", "3", Followed(cpu("1"), cpu("3")), {}),
        ("3", "1", Followed(cpu("1"), cpu("3")), cpu("3")),
        ("2", "3", Followed(cpu("1"), cpu("3")), cpu("2")),
    ],
)
def test_what_is_left_to_resize_at_a_start(
    local: str, remote: str, followed: Followed | None, left: Size
) -> None:
    assert find_left(vm(cpu(remote), followed), cpu(local)) == left


@pytest.mark.parametrize("odd", ["1_0", "１０", "nan", "inf", "-1"])
def test_what_is_no_number_is_no_size(odd: str) -> None:
    assert read_size(vm({"CPU": odd, "MEMORY": "512"})) == {"MEMORY": "512"}


def test_only_what_changed_is_left() -> None:
    size = {"CPU": "1", "VCPU": "2", "MEMORY": "512"}
    remote = vm({"CPU": "8", "MEMORY": "64"}, Followed({"CPU": "1", "MEMORY": "256"}))
    assert find_left(remote, size) == {"VCPU": "2", "MEMORY": "512"}


@pytest.mark.parametrize(
    ("remote", "followed", "noted"),
    [
        ("1", Followed(cpu("1")), "1"),
        ("1", Followed(cpu("0.5")), "1"),
        ("4", Followed(cpu("0.5")), "0.5"),
        ("4", None, "1"),
    ],
)
def test_a_try_is_noted_with_what_is_in_line(
    remote: str, followed: Followed | None, noted: str
) -> None:
    assert note_try(vm(cpu(remote), followed), cpu("1"), cpu("2")) == Followed(cpu(noted), cpu("2"))


def test_what_a_remote_vm_says_is_read_as_it_was_written() -> None:
    for followed in (Followed(cpu("1")), Followed({"CPU": "1", "MEMORY": "64"}, cpu("2"))):
        assert read_followed(vm({}, followed)) == followed
    assert read_followed(vm({})) is None


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e400", "much"])
def test_what_is_no_size_is_left_out(text: str) -> None:
    assert read_size(vm({"CPU": text, "MEMORY": "64"})) == {"MEMORY": "64"}
    assert read_old_size(vm({}, RESIZE={"VCPU": text, "MEMORY": "64"})) == {"MEMORY": "64"}
    assert find_changes({"CPU": "1"}, {"CPU": text}) == {"CPU": "1"}
