"""Instantiation of a template as measured: merges, expansions, checks and errors."""

import xmlrpc.client

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Value, Vector, to_xml
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.objects import OWN, Vm
from opennebula_sandbox.cloud.profile import PROFILES
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal


def cloud(release: str = "6.10") -> SimulatedCloud:
    return SimulatedCloud(release, clock=Clock(virtual=True))


def with_context(values: Vector, **attributes: str) -> str:
    return to_xml(Template([*attributes.items(), ("CONTEXT", values)]))


def context_of(vm: Vm) -> Vector:
    generated = ("DISK_ID", "TARGET")
    context = vm.template.vector("CONTEXT")
    return {key: value for key, value in context.items() if key not in generated}


@pytest.mark.parametrize("release", list(PROFILES))
def test_the_ends_of_values_are_kept_up_to_7_2(release: str) -> None:
    extra = with_context({"Q": " \tx\n", "R": "$E y $E"}, E=" .")
    vm = cloud(release).instantiate(0, "", extra)
    trims = release == "7.4"
    assert context_of(vm) == {
        "Q": "x" if trims else " \tx\n",
        "R": ". y ." if trims else " . y  .",
    }


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("x\\", "x\\"),
        ('say "hi" & \\ , = [ ] #', 'say "hi" & \\ , = [ ] #'),
        ("é 漢\nit's\t.", "é 漢\nit's\t."),
        ("$NAME", "remote VM name"),
        ("I am $NAME.", "I am remote VM name."),
        ("$X", ""),
        ("$USER[EMAIL]", ""),
        ("$USER[SSH_PUBLIC_KEY]", "ssh-rsa AAAA"),
        ("cost $5", "cost "),
        ("$CPU", "0.1"),
        ("$DISK[IMAGE]", "ttylinux"),
        ('$DISK[SIZE, IMAGE="ttylinux"]', "1024"),
        ("$ONE_RAW_1", "cost $5 ${HOME}"),
        ("\\$NAME", "\\$NAME"),
        ("$UNAME$GNAME", "burstusers"),
    ],
)
@pytest.mark.parametrize("release", list(PROFILES))
def test_context_values_are_expanded_as_measured(release: str, sent: str, stored: str) -> None:
    simulated = cloud(release)
    simulated.owner.template.add("SSH_PUBLIC_KEY", "ssh-rsa AAAA")
    extra = with_context({"Q": sent, "R": "after"}, ONE_RAW_1="cost $5 ${HOME}")
    vm = simulated.instantiate(0, "remote VM name", extra)
    assert context_of(vm) == {"Q": stored, "R": "after"}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("$", "unexpected EOA"),
        ("$$", "unexpected EOA"),
        ("a$$HOME", "unexpected EOA"),
        ("${X}", "unexpected EOA"),
        ("$(id)", "unexpected EOA"),
        ("a $ b", "unexpected EOA"),
        ("$[x]", "unexpected OBRACKET"),
        ("$NAME, you", "unexpected COMMA, expecting OBRACKET or EOA"),
        ("$NAME\nyou", "unexpected VARIABLE, expecting OBRACKET or EOA"),
    ],
)
def test_context_values_that_are_no_variables_fail(sent: str, words: str) -> None:
    simulated = cloud()
    with pytest.raises(Refusal, match="Error parsing: ") as refusal:
        simulated.instantiate(0, "x", with_context({"Q": sent}))
    assert refusal.value.code == ErrorCode.ALLOCATE
    assert words in refusal.value.text
    assert not len(simulated.vms)
    assert simulated.owner.quotas.used["VMS"] == 0


def test_a_backslash_at_the_very_end_of_the_context_is_lost() -> None:
    assert context_of(cloud().instantiate(0, "x", with_context({"Z": "x\\"}))) == {"Z": "x"}


def test_the_separator_of_context_values_takes_the_rest_away() -> None:
    extra = "<T><CONTEXT><Q>a@^_^@b</Q><R>c</R></CONTEXT></T>"
    assert context_of(cloud().instantiate(0, "x", extra)) == {"Q": "a", "R": "c"}


@pytest.mark.parametrize("value", ["a]]&gt;b", "]]&gt;"])
def test_what_a_cdata_section_cannot_hold_is_not_stored(value: str) -> None:
    simulated = cloud()
    with pytest.raises(Refusal, match=r"Error transforming the VM to XML\.") as refusal:
        simulated.instantiate(0, "x", f"<T><CONTEXT><Q>{value}</Q></CONTEXT></T>")
    assert refusal.value.code == ErrorCode.ALLOCATE


def test_a_character_beyond_the_basic_plane_is_stored_and_then_breaks_every_answer() -> None:
    with SimulatedCloud() as simulated, xmlrpc.client.ServerProxy(simulated.endpoint) as proxy:
        for value in ("<A>é漢</A>", "<A>😀</A>"):
            answer = proxy.one.template.instantiate(
                simulated.session, 0, "x", False, f"<T>{value}</T>"
            )
            assert isinstance(answer, list)
            assert answer[0] is True
        proxy.one.vm.info(simulated.session, 0)
        with pytest.raises(xmlrpc.client.Fault, match=r"-510: .* not in the Basic Multilingual"):
            proxy.one.vm.info(simulated.session, 1)
        with pytest.raises(xmlrpc.client.Fault, match="-510"):
            proxy.one.vmpool.infoset(simulated.session, "0,1", True)


def test_only_first_text_nodes_count_and_empty_members_vanish() -> None:
    extra = "<T><A>1<!-- -->2</A><CONTEXT><Q>a<!-- -->b</Q><R></R><s>c</s></CONTEXT></T>"
    vm = cloud().instantiate(0, "x", extra)
    assert context_of(vm) == {"Q": "a", "s": "c"}
    assert not len(vm.user_template)


@pytest.mark.parametrize("release", list(PROFILES))
def test_network_context_is_generated_when_asked_for(release: str) -> None:
    context = context_of(cloud(release).instantiate(0, "x"))
    assert context["ETH0_IP"] == "192.168.150.10"
    assert context["ETH0_MAC"].startswith("02:00:c0:a8")
    assert context["SSH_PUBLIC_KEY"] == ""
    assert "ETH0_IP" not in context_of(cloud(release).instantiate(0, "x", "CONTEXT=[A=1]"))


def test_an_attribute_replaces_all_of_its_name_and_the_rest_is_the_users() -> None:
    extra = (
        'NIC=[NETWORK="public"]\nNIC=[NETWORK="public"]\nMEMORY=512\nMARK="a"\nMARK="b"\nDISK=[]'
    )
    vm = cloud().instantiate(0, "x", extra)
    assert [nic["NIC_ID"] for nic in vm.template.vectors("NIC")] == ["0", "1"]
    assert vm.template.text("MEMORY") == "512"
    assert list(vm.user_template) == [("MARK", "a"), ("MARK", "b")]
    assert not vm.template.vectors("DISK")
    assert vm.template.vector("CONTEXT")["DISK_ID"] == "0"


def test_a_template_without_context_gives_none() -> None:
    simulated = cloud()
    assert not simulated.instantiate(1, "x").template.vector("CONTEXT")
    assert context_of(simulated.instantiate(1, "x", "CONTEXT=[A=b]")) == {"A": "b"}


def test_hold_and_default_name() -> None:
    simulated = cloud()
    simulated.call("one.template.instantiate", 0, "", True, "")
    vm = simulated.vms[0]
    assert (vm.name, str(vm.state)) == ("web-0", "HOLD")
    assert vm.template.text("SUBMIT_ON_HOLD") == "YES"


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        ("A=", ErrorCode.INTERNAL, "unexpected $end, expecting OBRACKET or CCDATA or STRING"),
        ("<T", ErrorCode.INTERNAL, "Parse error: XML Template malformed."),
        ("A", ErrorCode.INTERNAL, "Parse error: syntax error, unexpected $end, expecting EQUAL"),
        ("RANK=1", ErrorCode.AUTHORIZATION, "User Template includes a restricted attribute RANK."),
        ("NIC=[MAC=1]", ErrorCode.AUTHORIZATION, "restricted attribute NIC."),
        ("MEMORY=no", ErrorCode.ALLOCATE, "MEMORY attribute must be a positive integer value."),
        ("CPU=0", ErrorCode.ALLOCATE, "CPU attribute must be a positive float or integer value."),
        ("NIC=[NETWORK=x]", ErrorCode.ALLOCATE, "User 2 does not own a network with name: x . "),
        ("DISK=[IMAGE=x]", ErrorCode.ALLOCATE, "User 2 does not own a image with name: x . "),
        ("CONTEXT=[TOKEN=YES]", ErrorCode.ALLOCATE, "onegate endpoint was not defined"),
        ("CONTEXT=[FILES_DS=x]", ErrorCode.ALLOCATE, "Error parsing: x."),
    ],
)
def test_refusals(extra: str, code: ErrorCode, words: str) -> None:
    simulated = cloud()
    with pytest.raises(Refusal) as refusal:
        simulated.instantiate(0, "x", extra)
    assert refusal.value.code == code
    assert words in refusal.value.text
    assert not len(simulated.vms)


def test_restricted_attributes_may_repeat_the_template() -> None:
    simulated = cloud()
    template = simulated.add_template(SCHED_RANK="FREE_CPU")
    vm = simulated.instantiate(template, "x", "SCHED_RANK=FREE_CPU")
    assert vm.user_template.text("SCHED_RANK") == "FREE_CPU"


def test_permissions_of_the_template() -> None:
    simulated = cloud()
    simulated.owner.group.creates_templates = False
    simulated.instantiate(0, "x")
    with pytest.raises(Refusal, match=r"User \[2\] : Not authorized to perform CREATE TEMPLATE\.$"):
        simulated.instantiate(0, "x", "A=1")
    simulated.oned.templates[0].permissions = OWN
    with pytest.raises(
        Refusal, match=r"User \[2\] : Not authorized to perform USE TEMPLATE \[0\]\.$"
    ):
        simulated.instantiate(0, "x")


@pytest.mark.parametrize(
    ("limits", "metric", "limit"),
    [
        ({"VMS": 2}, "VMS", "2"),
        ({"CPU": 0.25}, "CPU", "0.25"),
        ({"RUNNING_MEMORY": 300}, "RUNNING_MEMORY", "300"),
        ({"SYSTEM_DISK_SIZE": 2048}, "SYSTEM_DISK_SIZE", "2048"),
        ({"CPU": -2, "RUNNING_VMS": 2}, "RUNNING_VMS", "2"),
    ],
)
@pytest.mark.parametrize("kind", ["user", "user defaults", "group", "group defaults"])
def test_quotas_of_every_kind(kind: str, limits: dict[str, float], metric: str, limit: str) -> None:
    simulated = cloud("7.2")
    accounts, owner = simulated.accounts, simulated.owner
    quotas = {
        "user": owner.quotas,
        "user defaults": accounts.user_defaults,
        "group": owner.group.quotas,
        "group defaults": accounts.group_defaults,
    }[kind]
    quotas.limit(**limits)
    simulated.instantiate()
    simulated.instantiate()
    whose = "user [2]" if kind.startswith("user") else "group [1]"
    with pytest.raises(Refusal) as refusal:
        simulated.instantiate()
    words = f"User [2] : {whose} limit of {limit} reached for {metric} quota in VM."
    assert refusal.value.code == ErrorCode.AUTHORIZATION
    assert refusal.value.text == f"[one.template.instantiate] {words}"


def test_running_quotas_are_checked_when_a_vm_resumes() -> None:
    simulated = cloud()
    simulated.owner.quotas.limit(RUNNING_VMS=1)
    vm = simulated.instantiate()
    simulated.clock.settle()
    simulated.act(vm.id, "suspend")
    simulated.clock.settle()
    other = simulated.instantiate()
    with pytest.raises(Refusal, match="limit of 1 reached for RUNNING_VMS quota") as refusal:
        simulated.act(vm.id, "resume")
    assert refusal.value.code == ErrorCode.ACTION
    simulated.act(other.id, "terminate")
    simulated.clock.settle()
    simulated.act(vm.id, "resume")
    simulated.clock.settle()
    assert vm.state == RUNNING


TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t", max_codepoint=0xFFFD),
    min_size=1,
)


@settings(deadline=None)
@given(value=TEXT.filter(lambda text: "]]>" not in text and "@^_^@" not in text))
def test_a_raw_attribute_carries_any_value_through_expansion(value: str) -> None:
    extra = with_context({"Q": "$ONE_RAW_1"}, ONE_RAW_1=value)
    assert context_of(cloud().instantiate(0, "x", extra)) == {"Q": value}


NODES: list[tuple[str, Vector]] = [("NUMA_NODE", {"TOTAL_CPUS": "2", "MEMORY": "64"})] * 2
SIZED: list[tuple[str, Value]] = [("CPU", "1"), ("MEMORY", "128"), ("VCPU", "4")]


AFFINE: Vector = {
    "SOCKETS": "1",
    "CORES": "2",
    "THREADS": "1",
    "NODE_AFFINITY": "0",
    "PIN_POLICY": "NONE",
}


def size_vm(topology: Vector, nodes: list[tuple[str, Vector]], extra: str) -> Template:
    simulated = cloud()
    attributes: list[tuple[str, Value]] = [*SIZED, ("TOPOLOGY", topology), *nodes]
    template = simulated.oned.add_template(simulated.oneadmin, "sized", Template(attributes))
    return simulated.instantiate(template.id, "x", extra).template


@pytest.mark.parametrize(
    ("topology", "nodes", "extra", "size", "topology_of_vm", "nodes_of_vm"),
    [
        (
            {"SOCKETS": "1", "CORES": "2", "THREADS": "2"},
            [],
            "MEMORY=256",
            ("1", "256", "4"),
            {"SOCKETS": "1", "CORES": "2", "THREADS": "2", "PIN_POLICY": "NONE"},
            [],
        ),
        (
            {"NODE_AFFINITY": "0"},
            [],
            "MEMORY=256\nVCPU=2",
            ("1", "256", "2"),
            AFFINE,
            [{"MEMORY": "262144", "TOTAL_CPUS": "2"}],
        ),
        (
            {"PIN_POLICY": "core"},
            [],
            "CPU=0.5\nVCPU=2",
            ("2", "128", "2"),
            {"PIN_POLICY": "core", "SOCKETS": "1"},
            [{"MEMORY": "131072", "TOTAL_CPUS": "2"}],
        ),
        (
            {"PIN_POLICY": "CORE"},
            NODES,
            "CPU=4",
            ("4", "128", "4"),
            {"PIN_POLICY": "CORE", "SOCKETS": "2"},
            [{"MEMORY": "65536", "TOTAL_CPUS": "2"}] * 2,
        ),
    ],
)
def test_a_topology_is_completed_as_measured(
    topology: Vector,
    nodes: list[tuple[str, Vector]],
    extra: str,
    size: tuple[str, str, str],
    topology_of_vm: Vector,
    nodes_of_vm: list[Vector],
) -> None:
    template = size_vm(topology, nodes, extra)
    assert tuple(template.text(name) for name in ("CPU", "MEMORY", "VCPU")) == size
    assert template.vector("TOPOLOGY") == topology_of_vm
    assert template.vectors("NUMA_NODE") == nodes_of_vm


@pytest.mark.parametrize(
    ("topology", "nodes", "extra", "words"),
    [
        ({"SOCKETS": "1", "CORES": "2", "THREADS": "2"}, [], "VCPU=2", "needs to match VCPU"),
        ({"SOCKETS": "1"}, [], "", "needs to set  SOCKETS, CORES and THREADS numbers"),
        ({"NODE_AFFINITY": "0"}, [], "VCPU_MAX=8", "does not support CPU hotplug"),
        ({"PIN_POLICY": "CORE", "NODE_AFFINITY": "0"}, [], "", "cannot be set for pinned VMs"),
        (
            {"PIN_POLICY": "CORE", "SOCKETS": "2"},
            [],
            "VCPU=3",
            "VCPU is not multiple of the number",
        ),
        ({"PIN_POLICY": "CORE", "SOCKETS": "2"}, [], "MEMORY=129", "MEMORY is not multiple"),
        ({"PIN_POLICY": "CORE", "CORES": "2"}, [], "VCPU=6", "threads is not power of 2"),
        ({"PIN_POLICY": "CORE", "CORES": "2"}, [], "VCPU=3", "not multiple of the total number"),
        ({"PIN_POLICY": "CORE"}, NODES, "MEMORY=256", "Total MEMORY of NUMA nodes is different"),
        ({"PIN_POLICY": "CORE"}, NODES, "VCPU=2", "Total CPUS of NUMA nodes is different"),
    ],
)
def test_a_size_that_does_not_fit_the_topology_is_refused(
    topology: Vector, nodes: list[tuple[str, Vector]], extra: str, words: str
) -> None:
    with pytest.raises(Refusal, match=words) as refusal:
        size_vm(topology, nodes, extra)
    assert refusal.value.code == ErrorCode.ALLOCATE


@pytest.mark.parametrize(("release", "where"), [("5.10", "user"), ("6.10", "vm"), ("7.2", "vm")])
def test_how_far_a_vm_may_grow_is_kept(release: str, where: str) -> None:
    vm = cloud(release).instantiate(0, "x", "MEMORY_MAX=512\nVCPU_MAX=4")
    kept = vm.user_template if where == "user" else vm.template
    assert (kept.text("MEMORY_MAX"), kept.text("VCPU_MAX")) == ("512", "4")
