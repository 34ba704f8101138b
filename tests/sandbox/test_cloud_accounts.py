"""Users of the sandbox: sessions, tokens, and quotas as calls set and show them."""

import pytest
from lxml import etree

from opennebula_sandbox.cloud.api.calls import call
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.wire.xmlrpc import Fault, Value


@pytest.fixture
def cloud() -> SimulatedCloud:
    return SimulatedCloud("7.2", clock=Clock(virtual=True))


def answer(cloud: SimulatedCloud, session: str, method: str, *arguments: Value) -> list[Value]:
    return list(call(cloud.oned, method, (session, *arguments)))


def admin(cloud: SimulatedCloud, method: str, *arguments: Value) -> list[Value]:
    return answer(cloud, f"oneadmin:{cloud.oneadmin.password}", method, *arguments)


def test_passwords_may_change_at_any_time(cloud: SimulatedCloud) -> None:
    session = cloud.session
    assert answer(cloud, session, "one.system.version")[0]
    cloud.owner.password = "changed"
    assert answer(cloud, session, "one.system.version")[2] == 256
    assert answer(cloud, "burst:changed", "one.system.version")[0]
    assert "changed" not in repr(cloud.owner)


@pytest.mark.parametrize("session", ["", "burst", "burst:", ":burstpass", "nobody:burstpass"])
def test_what_is_no_session(cloud: SimulatedCloud, session: str) -> None:
    assert answer(cloud, session, "one.user.info", -1)[1:3] == [
        "[one.user.info] User couldn't be authenticated, aborting call.",
        256,
    ]


def test_tokens_expire(cloud: SimulatedCloud) -> None:
    _, token, _ = answer(cloud, cloud.session, "one.user.login", "burst", "", 100)
    session = f"burst:{token!s}"
    assert answer(cloud, session, "one.system.version")[0]
    cloud.clock.advance(101)
    assert answer(cloud, session, "one.system.version")[2] == 256
    assert answer(cloud, cloud.session, "one.user.login", "burst", "mine", -1)[1] == "mine"
    cloud.clock.advance(10**9)
    assert answer(cloud, "burst:mine", "one.system.version")[0]
    shown = etree.fromstring(str(answer(cloud, cloud.session, "one.user.info", -1)[1]))
    assert "mine" in [element.text for element in shown.findall("LOGIN_TOKEN/TOKEN")]
    answer(cloud, cloud.session, "one.user.login", "burst", "mine", 0)
    assert answer(cloud, "burst:mine", "one.system.version")[2] == 256
    assert answer(cloud, cloud.session, "one.user.login", "oneadmin", "", 100)[2] == 512


def test_quotas_are_set_by_calls_and_shown_with_what_is_used(cloud: SimulatedCloud) -> None:
    admin(cloud, "one.user.quota", 2, 'VM=[VMS="5",CPU="2.5"]')
    admin(cloud, "one.user.quota", 2, 'VM=[CLUSTER_IDS="0,100",VMS="3"]')
    admin(cloud, "one.group.quota", 1, 'VM=[RUNNING_VMS="-2"]')
    admin(cloud, "one.userquota.update", 'VM=[MEMORY="4096"]')
    admin(cloud, "one.groupquota.update", 'VM=[VMS="100"]')
    cloud.instantiate()
    user = etree.fromstring(str(cloud.call("one.user.info", -1)))
    everywhere, in_clusters = user.findall("VM_QUOTA/VM")
    values = {element.tag: element.text for element in everywhere}
    assert (values["VMS"], values["VMS_USED"], values["CPU"]) == ("5", "1", "2.5")
    assert (values["MEMORY"], values["CPU_USED"], values["PCI_NIC_USED"]) == ("-1", "0.10", "0")
    assert in_clusters.findtext("CLUSTER_IDS") == "0,100"
    assert in_clusters.findtext("VMS") == "3"
    assert user.findtext("DEFAULT_USER_QUOTAS/VM_QUOTA/VM/MEMORY") == "4096"
    assert user.findtext("NETWORK_QUOTA/NETWORK/LEASES_USED") == "1"
    assert user.findtext("IMAGE_QUOTA/IMAGE/RVMS_USED") == "1"
    group = etree.fromstring(str(cloud.call("one.group.info", -1)))
    assert group.findtext("VM_QUOTA/VM/RUNNING_VMS") == "-2"
    assert group.findtext("DEFAULT_GROUP_QUOTAS/VM_QUOTA/VM/VMS") == "100"
    defaults = etree.fromstring(str(admin(cloud, "one.userquota.info")[1]))
    assert defaults.tag == "DEFAULT_USER_QUOTAS"
    assert admin(cloud, "one.user.quota", 2, "VM=[VMS=x]")[2] == 8192


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("one.user.quota", (2, "VM=[VMS=1]")),
        ("one.group.quota", (1, "VM=[VMS=1]")),
        ("one.userquota.info", ()),
        ("one.groupquota.info", ()),
        ("one.user.info", (0,)),
        ("one.group.info", (0,)),
    ],
)
def test_ordinary_users_may_not(
    cloud: SimulatedCloud, method: str, arguments: tuple[Value, ...]
) -> None:
    assert answer(cloud, cloud.session, method, *arguments)[2] == 512


@pytest.mark.parametrize("method", ["one.user.info", "one.group.info", "one.user.quota"])
def test_unknown_users_and_groups_are_refused(cloud: SimulatedCloud, method: str) -> None:
    arguments: tuple[Value, ...] = (99, "VM=[]") if method.endswith("quota") else (99,)
    assert admin(cloud, method, *arguments)[2:4] == [1024, 99]


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("one.vm.info", (), "Not enough parameters"),
        ("one.vm.info", (True,), "Parameter that is supposed to be integer is not"),
        ("one.vm.action", (1, 2), "Parameter that is supposed to be a string is not"),
        ("one.vm.info", (1, 1), "Parameter that is supposed to be boolean is not"),
    ],
)
def test_wrong_types_are_faults(
    cloud: SimulatedCloud, method: str, arguments: tuple[Value, ...], words: str
) -> None:
    with pytest.raises(Fault, match=words):
        answer(cloud, cloud.session, method, *arguments)
    with pytest.raises(Fault, match="Not enough parameters"):
        call(cloud.oned, method, ())
