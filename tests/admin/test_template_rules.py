"""What sync writes into local templates, from any remote or administrator."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.admin.template.derive import LARGEST, derive
from one2one.admin.template.known import Known, Terms
from one2one.admin.template.plan import plan, plan_orphans
from one2one.admin.template.step import Action, Adapt, Create, Planned
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template, Value, Vector, to_xml
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.wire.grammar import parse

TERMS = Terms("burst1", user_id=0)


def remote(*attributes: tuple[str, Value], remote_id: int = 7, name: str = "web") -> VmTemplate:
    size: list[tuple[str, Value]] = [("CPU", "1"), ("MEMORY", "512")]
    named = {key for key, _ in attributes}
    missing = [pair for pair in size if pair[0] not in named]
    return VmTemplate(remote_id, name, Template([*missing, *attributes]))


class Local:
    """The templates of a local oned, by id, without the network."""

    def __init__(self) -> None:
        self.templates: dict[int, VmTemplate] = {}

    def add(self, name: str, template: Template, uid: int = 0, gid: int = 0) -> int:
        number = len(self.templates)
        self.templates[number] = VmTemplate(number, name, template, "user", uid, gid)
        return number

    def update(self, number: int, changed: Template) -> None:
        old = self.templates[number]
        self.templates[number] = VmTemplate(number, old.name, changed, old.owner, old.uid, old.gid)

    def plan(self, *remotes: VmTemplate, terms: Terms = TERMS) -> list[Planned]:
        known = Known(self.templates.values(), terms)
        orphans = plan_orphans(remotes, known, lambda _: False)
        return [*plan(remotes, known, terms), *orphans]

    def sync(self, *remotes: VmTemplate, terms: Terms = TERMS) -> list[Planned]:
        """Do what is planned, as oned does it."""
        planned = self.plan(*remotes, terms=terms)
        for one in planned:
            match one:
                case Create(_, template):
                    kept = parse(to_xml(template))
                    self.add(kept.text("NAME"), remove(kept, "NAME"))
                case Adapt(step, adapt):
                    assert step.local_id is not None
                    old = self.templates[step.local_id].template
                    self.update(step.local_id, merge(old, parse(to_xml(adapt(old).written))))
        return planned


def actions(planned: Iterable[Planned]) -> list[str]:
    return [one.step.action for one in planned]


def instantiate(template: Template) -> Template:
    """Return the template of a VM that oned makes from *template*, as it stands in its TEMPLATE."""
    cloud = SimulatedCloud("6.10", clock=Clock(virtual=True), templates=0)
    number = cloud.oned.add_template(cloud.oneadmin, "local", template).id
    return cloud.instantiate(number).template


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        (("CPU", "-1e9"), "CPU is '-1e9'"),
        (("CPU", "nan"), "CPU is 'nan'"),
        (("CPU", "0.000"), "CPU is '0.000'"),
        (("CPU", ""), "no CPU"),
        (("MEMORY", "abc"), "MEMORY is 'abc'"),
        (("MEMORY", "1.5"), "MEMORY is '1.5'"),
        (("MEMORY", "٣"), "MEMORY is"),
        (("MEMORY", {"A": "1"}), "no MEMORY"),
        (("VCPU", "-2"), "VCPU is '-2'"),
        (("VROUTER", "yes"), "virtual routers"),
        (("USER_INPUTS", {"A": "M|text|a]]>b"}), "USER_INPUTS/A contains ]]"),
        (("USER_INPUTS", {"A": "M|text|a@^_^@b"}), "USER_INPUTS/A contains @^_^"),
        (("USER_INPUTS", {"A": "M|text|😀"}), "USER_INPUTS/A contains U+1F600"),
        (("USER_INPUTS", {"A": "M|text|\x9b31m"}), "USER_INPUTS/A has characters"),
        (("USER_INPUTS", {"A": "M|text|\u202egnp"}), "USER_INPUTS/A has characters"),
        (("USER_INPUTS", {"A": "x" * LARGEST}), "longer than 65536"),
    ],
)
def test_what_cannot_be_taken_over_is_refused_by_name(
    attribute: tuple[str, Value], said: str
) -> None:
    with pytest.raises(Refused) as refused:
        derive(remote(attribute), "burst1")
    assert said in refused.value.cause


@pytest.mark.parametrize("name", ["CPU", "MEMORY"])
def test_a_template_without_a_size_is_refused(name: str) -> None:
    sizes: list[tuple[str, Value]] = [("CPU", "1"), ("MEMORY", "1")]
    template = Template(pair for pair in sizes if pair[0] != name)
    with pytest.raises(Refused, match=f"no {name}"):
        derive(VmTemplate(7, "web", template), "burst1")


@pytest.mark.parametrize(
    "name",
    [
        *("FILES", "FILES_DS", "TOKEN", "NETWORK", "ETH0_IP", "SCHED_REQUIREMENTS", "PUBLIC_CLOUD"),
        *("DEPLOY_ID", "DISK", "NIC", "NAME", "ONE2ONE_SYNC", "ONEGATE_ENDPOINT", "PASSWD_2"),
        *("a-b", "é", "9A", "{urn:x}A", "A B", "x" * 129),
    ],
)
def test_an_input_that_oned_would_act_on_is_left_out(name: str) -> None:
    derived = derive(
        remote(("USER_INPUTS", {"PORT": "M|text|Port", name: "M|text|x"})), "burst1", {"PASSWD_2"}
    )
    assert derived.left_out == (name.upper(),)
    inputs = {path for path in derived.attributes if "/" in path}
    assert inputs == {"USER_INPUTS/PORT", "CONTEXT/PORT"}


def test_the_size_is_asked_for_here_where_the_remote_vm_gets_it() -> None:
    inputs: Vector = {"PORT": "M|text|p", "MEMORY": "M|range||1..9|1", "CPU": "M|text|c"}
    template = remote(
        ("USER_INPUTS", inputs), ("INPUTS_ORDER", "MEMORY,PORT"), ("CONTEXT", {"RAM": "$MEMORY"})
    )
    derived = derive(template, "burst1", {"CPU"}, local_size=True)
    assert derived.left_out == ("CPU",)
    assert derived.attributes["INPUTS_ORDER"] == "MEMORY,PORT"
    vectors = {path: text for path, text in derived.attributes.items() if "/" in path}
    assert vectors == {
        "USER_INPUTS/PORT": "M|text|p",
        "USER_INPUTS/MEMORY": "M|range||1..9|1",
        "CONTEXT/PORT": "$PORT",
        "CONTEXT/RAM": "$MEMORY",
    }
    assert derive(template, "burst1").left_out == ()


def test_the_order_of_the_inputs_stays() -> None:
    inputs: Vector = {"A": "M|text|a", "B": "M|text|b", "CPU": "M|text|c", "FILES": "M|text|d"}
    derived = derive(remote(("USER_INPUTS", inputs), ("INPUTS_ORDER", "b, CPU,FILES,A,X")), "h")
    assert derived.attributes["INPUTS_ORDER"] == "B,A"


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("$USER[SSH_PUBLIC_KEY]", True),
        ("$NAME", True),
        ("$VMID-$UID-$GID", True),
        ("$name.$gname.example.org", True),
        ("http://$DOMAIN:80/", True),
        ("ssh-rsa AAAA", False),
        ("$USER[TOKEN_PASSWORD]", False),
        ("$NAMES", False),
        ("$NETWORK[GATEWAY]", False),
        ("$NAME $NIC[IP]", False),
        ("$NAME \\$NAME", False),
        ("$$NAME", False),
        ("#!/bin/sh\nhostname $NAME", False),
    ],
)
def test_context_that_tells_of_the_user_is_expanded_here(value: str, taken: bool) -> None:
    template = remote(
        ("USER_INPUTS", {"DOMAIN": "M|text|d"}), ("CONTEXT", {"X": value, "NETWORK": "$NAME"})
    )
    attributes = derive(template, "burst1").attributes
    assert attributes.get("CONTEXT/X") == (value if taken else None)
    assert "CONTEXT/NETWORK" not in attributes


def test_names_that_are_taken_or_odd_become_free_ones() -> None:
    local = Local()
    local.add("Web", Template(), uid=5)
    local.sync(
        *(remote(remote_id=number, name="web") for number in (1, 2, 3)),
        *(remote(remote_id=4, name=" a\nb\x1b[31m{c}\u202e😀 "),),
        *(remote(remote_id=number, name="é" * 200) for number in (5, 6)),
        remote(remote_id=9, name="WEB"),
    )
    names = [template.name for template in local.templates.values()][1:]
    assert names[:3] == ["web@burst1", "web@burst1-2", "web@burst1-3"]
    assert names[3] == "a b_[31m_c___"
    assert names[4] == "é" * 64
    assert names[5].endswith("é@burst1")
    assert names[6] == "WEB@burst1-9"
    assert max(len(name.encode()) for name in names) == 128


@pytest.mark.parametrize("name", ["wéb", "We\u0301B", "ｗeb", " web "])
def test_names_that_mariadb_holds_for_equal_are_two_names(name: str) -> None:
    local = Local()
    local.sync(remote(remote_id=1, name="web"), remote(remote_id=2, name=name))
    assert [template.name for template in local.templates.values()][1].endswith("@burst1")


@pytest.mark.parametrize("name", ["", " \n\t"])
def test_a_template_without_a_name_is_skipped(name: str) -> None:
    assert actions(Local().sync(remote(name=name))) == [Action.SKIP.value]


def test_ten_thousand_templates_of_one_name() -> None:
    remotes = [remote(remote_id=number) for number in range(10_000)]
    local = Local()
    names = {one.step.name for one in local.plan(*remotes)}
    assert len(names) == 10_000


def test_an_id_that_comes_twice_is_one_template() -> None:
    assert actions(Local().sync(remote(), remote())) == [Action.CREATE.value]


def test_what_an_administrator_changed_stays_and_is_told() -> None:
    local = Local()
    local.sync(remote(("USER_INPUTS", {"PORT": "M|text|Port"})))
    mine = local.templates[0].template
    mine = merge(mine, Template([("CPU", "4"), ("USER_INPUTS", {"PORT": "M|text|Tür"})]))
    mine = remove(merge(mine, Template([("CONTEXT", {"VMID": "$VMID"})])), "MEMORY")
    local.update(0, mine)

    [first] = local.sync(remote(("MEMORY", "1024"), ("VCPU", "2")))
    assert [(change.attribute, change.kept) for change in first.step.changes] == [
        ("CPU", True),
        ("MEMORY", True),
        ("USER_INPUTS/PORT", True),
        ("VCPU", False),
    ]
    after = local.templates[0].template
    assert after.text("CPU") == "4"
    assert after.text("MEMORY") == ""
    assert after.text("VCPU") == "2"
    assert after.vector("USER_INPUTS") == {"PORT": "M|text|Tür"}
    assert after.vector("CONTEXT") == {"VMID": "$VMID"}

    [again] = local.sync(remote(("MEMORY", "1024"), ("VCPU", "2")))
    assert again.step.action == Action.KEEP.value
    assert {change.attribute for change in again.step.changes} == {"CPU", "MEMORY"}


def test_overwriting_takes_over_what_was_changed_and_leaves_what_was_added() -> None:
    local = Local()
    local.sync(remote())
    local.update(0, merge(local.templates[0].template, Template([("CPU", "4"), ("MINE", "1")])))
    terms = Terms("burst1", user_id=0, overwrite=True)
    assert actions(local.sync(remote(), terms=terms)) == [Action.UPDATE.value]
    assert local.templates[0].template.text("CPU") == "1"
    assert local.templates[0].template.text("MINE") == "1"


def test_a_template_made_by_hand_can_be_given_to_sync() -> None:
    local = Local()
    mapping: Vector = {"TYPE": "opennebula", "TEMPLATE_ID": "7", "HOST": "BURST1"}
    by_hand: list[tuple[str, Value]] = [
        ("CPU", "9"),
        ("CONTEXT", {"A": "1"}),
        ("ONE2ONE_SYNC", "YES"),
    ]
    local.add("mine", Template([*by_hand, ("PUBLIC_CLOUD", mapping)]))
    assert actions(local.sync(remote())) == [Action.UPDATE.value]
    given = local.templates[0].template
    assert (given.text("CPU"), given.text("MEMORY")) == ("1", "512")
    assert given.vector("CONTEXT") == {"A": "1"}
    assert actions(local.sync(remote())) == [Action.KEEP.value]


def test_inputs_that_are_gone_at_the_remote_go_and_those_of_the_administrator_stay() -> None:
    local = Local()
    local.sync(remote(("USER_INPUTS", {"A": "M|text|a"}), ("INPUTS_ORDER", "A"), ("VCPU", "2")))
    local.sync(remote())
    after = local.templates[0].template
    assert {name for name, _ in after} == {
        *("CPU", "MEMORY", "ONE2ONE_SYNC", "PUBLIC_CLOUD", "SCHED_REQUIREMENTS")
    }


def test_further_sections_of_the_administrator_stay() -> None:
    local = Local()
    local.sync(remote(("USER_INPUTS", {"A": "M|text|a"})))
    more: list[tuple[str, Value]] = [
        ("PUBLIC_CLOUD", {"TYPE": "opennebula", "TEMPLATE_ID": "3", "HOST": "burst2"}),
        ("CONTEXT", {"SECOND": "1", "lower": ""}),
        ("EMPTY", ""),
    ]
    local.update(0, Template([*local.templates[0].template, *more]))
    local.sync(remote(("USER_INPUTS", {"B": "M|text|b"})))
    after = local.templates[0].template
    assert len(after.vectors("PUBLIC_CLOUD")) == 2
    assert after.vectors("CONTEXT") == [{"B": "$B"}, {"SECOND": "1", "lower": ""}]
    assert ("EMPTY", "") in list(after)


def test_a_rename_at_the_remote_is_told_once() -> None:
    local = Local()
    local.sync(remote())
    [renamed] = local.sync(remote(name="shop"))
    assert renamed.step.action == Action.UPDATE.value
    assert renamed.step.note == "its remote template was called web"
    assert local.templates[0].name == "web"
    assert actions(local.sync(remote(name="shop"))) == [Action.KEEP.value]


def test_what_is_gone_at_the_remote_is_told() -> None:
    local = Local()
    local.sync(remote())
    assert actions(local.plan()) == [Action.GONE.value]


def test_a_remote_template_that_became_odd_leaves_its_local_one_as_it_is() -> None:
    local = Local()
    local.sync(remote())
    [skipped] = local.plan(remote(("CPU", "lots")))
    assert (skipped.step.action, skipped.step.local_id) == (Action.SKIP.value, 0)


def test_templates_of_plain_users_are_theirs() -> None:
    local = Local()
    local.sync(remote())
    local.add("clone", local.templates[0].template, uid=5, gid=1)
    local.update(0, Template())
    assert actions(local.plan(remote())) == [Action.CREATE.value]


def test_a_clone_of_an_administrator_is_kept_in_step_too() -> None:
    local = Local()
    local.sync(remote())
    local.add("clone", local.templates[0].template, uid=5, gid=0)
    planned = local.sync(remote(("CPU", "2")))
    assert [(one.step.action, one.step.local_id) for one in planned] == [
        (Action.UPDATE.value, 0),
        (Action.UPDATE.value, 1),
    ]


def test_two_hosts_may_stand_for_the_same_remote() -> None:
    local = Local()
    other = Terms("burst2", user_id=0)
    local.sync(remote())
    assert actions(local.sync(remote(), terms=other)) == [Action.CREATE.value]
    assert [one.name for one in local.templates.values()] == ["web", "web@burst2"]
    assert actions(local.plan(remote())) == actions(local.plan(remote(), terms=other))


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
storable = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"], max_codepoint=0xFFFD), max_size=12
)
odd_text = st.one_of(text, st.sampled_from(["$A", "$NAME", "a\nb", "$USER[SSH_PUBLIC_KEY]", "\\$"]))
names = st.one_of(
    st.sampled_from(["A", "B", "CPU", "MEMORY", "VCPU", "FILES", "VMID", "NAME", "TOKEN", "lower"]),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True),
)
sizes = st.sampled_from(["1", "0.5", "2048", "-1", "abc", "", "1e9", " 7"])
members = st.dictionaries(names, odd_text, max_size=4)


@st.composite
def remotes(draw: st.DrawFn) -> VmTemplate:
    attributes: list[tuple[str, Value]] = [
        (name, draw(st.one_of(st.just("1"), sizes))) for name in ("CPU", "MEMORY", "VCPU")
    ]
    attributes += [(name, draw(members)) for name in ("USER_INPUTS", "CONTEXT")]
    attributes.append(("INPUTS_ORDER", ",".join(draw(st.lists(names, max_size=4)))))
    attributes.append(("DESCRIPTION", draw(text)))
    return VmTemplate(draw(st.integers(0, 3)), draw(text), Template(attributes))


@given(st.lists(remotes(), max_size=4))
def test_every_template_that_is_made_can_be_instantiated(wanted: Sequence[VmTemplate]) -> None:
    local = Local()
    local.sync(*wanted)
    for made in local.templates.values():
        instantiate(made.template)
    assert not {Action.CREATE.value, Action.UPDATE.value} & set(actions(local.plan(*wanted)))


def own(template: Template) -> list[tuple[str, str, str]]:
    """Return what an administrator of the test below wrote: its names begin with MY."""
    return sorted(
        (name, member, text)
        for name, value in template
        for member, text in (value.items() if isinstance(value, dict) else [("", value)])
        if (member or name).upper().startswith("MY")
    )


mine = st.from_regex(r"MY[A-Z]{0,2}", fullmatch=True)


@given(
    st.lists(remotes(), min_size=2, max_size=4),
    st.dictionaries(mine, storable),
    st.dictionaries(mine, storable),
    st.dictionaries(mine, storable),
    st.sampled_from(["CPU", "MEMORY", "SCHED_REQUIREMENTS", "USER_INPUTS", "CONTEXT"]),
)
def test_what_an_administrator_added_survives(
    versions: Sequence[VmTemplate], single: Vector, context: Vector, inputs: Vector, removed: str
) -> None:
    first, *later = [
        VmTemplate(7, one.name, Template([("CPU", "1"), ("MEMORY", "1"), *one.template]))
        for one in versions
    ]
    local = Local()
    local.sync(first)
    for number, made in [*local.templates.items()]:
        changed = [*remove(made.template, removed), *single.items()]
        changed += [("CONTEXT", context | made.template.vector("CONTEXT"))]
        changed += [("USER_INPUTS", inputs | made.template.vector("USER_INPUTS"))]
        local.update(number, merge(made.template, Template(changed)))
    before = [own(made.template) for made in local.templates.values()]
    for version in later:
        told = [one.step for one in local.plan(version)]
        assert [one.step for one in local.sync(version)] == told
        assert not {Action.CREATE.value, Action.UPDATE.value} & set(actions(local.plan(version)))
        if before:
            assert [own(made.template) for made in local.templates.values()] == before
