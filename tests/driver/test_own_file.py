"""A file beside oned's own is opened for nobody else, and never through a link."""

import errno
import os
from pathlib import Path

import pytest

from one2one.driver.own_file import file_error, open_own_file
from one2one.opennebula.errors import Busy, ConfigurationError, OneError


def test_a_new_file_is_oneadmins_alone(tmp_path: Path) -> None:
    os.close(open_own_file(tmp_path / "lock"))
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_keeps_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("kept")
    with os.fdopen(open_own_file(tmp_path / "lock"), "r+") as file:
        assert file.read() == "kept"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "of another")
    with pytest.raises(ConfigurationError, match=f"cannot open {tmp_path}/lock"):
        open_own_file(tmp_path / "lock")
    assert not (tmp_path / "of another").exists()


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        open_own_file(tmp_path / "var" / "lock")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EMFILE, Busy),
        (errno.ENOMEM, Busy),
        (errno.ENOSPC, ConfigurationError),
        (errno.EROFS, ConfigurationError),
        (errno.EACCES, ConfigurationError),
    ],
)
def test_a_lack_of_files_may_pass_and_a_full_disk_needs_an_administrator(
    number: int, kind: type[OneError]
) -> None:
    error = file_error("cannot write x", OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert error.cause == f"cannot write x ({os.strerror(number)})"
    assert error.remedy
