"""Which remote image or network stands for a local one."""

import pytest

from one2one.hybrid.mapping import find_mapped_id, not_usable_error
from one2one.opennebula.errors import NotAuthorized, NotFound, Refused
from one2one.opennebula.resources import Resource
from one2one.opennebula.template import Template, Value


def network(*values: Value) -> Resource:
    return own_network(0, 0, *values)


def own_network(uid: int, gid: int, *values: Value) -> Resource:
    template = Template(("ONE_REMOTE_NETWORK", v) for v in values)
    return Resource("network", 3, "lan", template, uid, gid)


@pytest.mark.parametrize(
    ("values", "number"),
    [
        (["7"], 7),
        ([" 7 "], 7),
        ([{"HOST": "Burst1", "ID": "8"}, "7"], 8),
        (["7", {"HOST": "burst2", "ID": "8"}], 7),
        ([{"HOST": "burst2", "ID": "8"}, {"HOST": "burst1", "ID": "9"}], 9),
    ],
)
def test_the_hosts_own_mapping_comes_before_that_for_all(values: list[Value], number: int) -> None:
    assert find_mapped_id(network(*values), "burst1", by_users=False) == number


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "has no ONE_REMOTE_NETWORK"),
        ([{"HOST": "burst2", "ID": "8"}], "has no ONE_REMOTE_NETWORK"),
        (["-1"], "has ONE_REMOTE_NETWORK='-1', which is no id"),
        ([{"HOST": "burst1", "ID": "x"}, "7"], "has ONE_REMOTE_NETWORK='x', which is no id"),
        (["9" * 11], "has ONE_REMOTE_NETWORK='99999999999', which is no id"),
    ],
)
def test_without_an_id_the_command_is_named(values: list[Value], words: str) -> None:
    with pytest.raises(Refused) as raised:
        find_mapped_id(network(*values), "burst1", by_users=False)
    assert str(raised.value).startswith(f"network 3 (lan) {words}")
    assert str(raised.value).endswith("remote of host burst1, with: onevnet update 3")


@pytest.mark.parametrize(("uid", "gid"), [(0, 0), (0, 1), (5, 0)])
def test_the_mapping_of_what_administrators_own_counts(uid: int, gid: int) -> None:
    assert find_mapped_id(own_network(uid, gid, "7"), "burst1", by_users=False) == 7


@pytest.mark.parametrize(("uid", "gid"), [(5, 1), (-1, -1)])
def test_the_mapping_of_what_users_own_counts_where_the_host_allows_it(uid: int, gid: int) -> None:
    theirs = own_network(uid, gid, "7")
    assert find_mapped_id(theirs, "burst1", by_users=True) == 7
    with pytest.raises(Refused, match="which does not count: a user owns the network"):
        find_mapped_id(theirs, "burst1", by_users=False)


def test_what_is_gone_is_told_from_what_is_not_shared() -> None:
    image = Resource("image", 4, "data", Template([("ONE_REMOTE_IMAGE", "9")]))
    gone = not_usable_error(image, 9, "burst1", NotFound("x", call="one.image.info"))
    closed = not_usable_error(image, 9, "burst1", NotAuthorized("x"))
    assert "image 9 of the remote, which does not exist. Set ONE_REMOTE_IMAGE" in str(gone)
    assert "image 9 of the remote, which the account may not use. Have" in str(closed)
