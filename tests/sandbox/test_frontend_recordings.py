"""The front-end's own API answers a driver's calls as the recorded front-ends did.

Not compared is what no two clouds have in common: times, ids by chance, cipher texts.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from one2one.opennebula.xml import Element, parse
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.xmlrpc import Fault
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from tests.sandbox.frontend_recordings import DATA
from tests.sandbox.frontends import GENERATIONS, TEMPLATE, FakeDriver

VOLATILE = (
    *("STIME", "ETIME", "PSTIME", "PETIME", "RSTIME", "REGTIME", "TIMESTAMP", "LAST_MON_TIME"),
    *("DEPLOY_ID", "UUID", "ENDPOINT"),
)
STILL_RUNNING = {"5.10": [], "6.10": [], "7.2": [0]}
"""Other VMs that the recorded host had."""


def events(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def shape(element: Element) -> tuple[str, str, list[Any]]:
    """Return tag, text and children, with an asterisk for text that may differ."""
    text = "" if len(element) else element.text or ""
    sealed = element.tag == "ONE_PASSWORD" and text.endswith("=")
    volatile = element.tag in VOLATILE and text not in ("", "0", "-1")
    known = [child for child in element if child.tag != "ENDPOINT_GRPC"]
    return element.tag, "*" if sealed or volatile else text, [shape(child) for child in known]


def add_monitored_host(frontend: FrontEnd, generation: str) -> LocalHost:
    """Add the recorded host with the attributes that its monitoring reported."""
    host = frontend.add_host(
        "burst1",
        PRIORITY="-1",
        ONE_USER="burst",
        ONE_PASSWORD="burstpass",
        ONE_ENDPOINT=f"http://127.0.0.1:{7634 if generation == '5.10' else 7633}/RPC2",
        ONE_CAPACITY={"CPU": "0", "MEMORY": "0"},
    )
    host.wait("MONITORED")
    assert frontend.pools.wait_for(lambda: host.usage, 30)
    return host


def replay(generation: str, tmp_path: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield each recorded call with the answer, or fault, of the front-end."""
    answers = [event["line"] for event in events(f"im-{generation}") if "line" in event]
    answer = [line for line in answers if "MONITOR SUCCESS" in line and "STOP" not in line][-1]
    im = FakeDriver(tmp_path / "im")
    im.tell(**{answer.split()[0]: [f"{answer}\n"]})
    driver = FakeDriver(tmp_path / "vmm")
    with FrontEnd(generation, driver=driver.argv, im_driver=im.argv) as frontend:
        host = add_monitored_host(frontend, generation)
        template = frontend.add_template(TEMPLATE)
        calls = events(f"local-{generation}")
        for number in range(int(calls[0]["result"][1])):
            vm = frontend.add_vm(template)
            if number in STILL_RUNNING[generation]:
                vm.deploy(host)
                vm.wait("RUNNING")
            else:
                vm.act("terminate")
        for call in calls:
            try:
                yield call, frontend.call(call["method"], *call["args"])
            except Fault as fault:
                yield call, [fault.code, fault.text]
            if call["method"] == "one.template.instantiate":
                vm = LocalVm(int(call["result"][1]), frontend.pools, frontend.call)
                vm.deploy(host)
                vm.wait("RUNNING")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_answers_are_those_of_a_real_oned(generation: str, tmp_path: Path) -> None:
    for call, answer in replay(generation, tmp_path):
        told = call["fault"] or call["result"][1]
        if isinstance(told, str) and told.startswith("<"):
            answer, told = shape(parse(answer)), shape(parse(told))
        assert answer == told, (call["method"], call["args"])


def test_ordinary_users_see_their_own_vms_and_no_secrets(tmp_path: Path) -> None:
    with FrontEnd("6.10", driver=FakeDriver(tmp_path).argv) as frontend:
        frontend.add_user("alice", "secret")
        frontend.add_host("burst1", ONE_PASSWORD="burstpass")
        vm = frontend.add_vm(TEMPLATE)

        def as_alice(method: str, *arguments: object) -> Any:
            return frontend.api(method, ("alice:secret", *arguments))[:3:2]

        assert as_alice("one.vm.info", vm.id) == [False, 512]
        assert as_alice("one.host.info", 0, True) == [False, 512]
        assert as_alice("one.hostpool.info") == [True, 0]
        assert as_alice("one.vmpool.info", -2, -1, -1, -1) == [True, 0]
        wrong = frontend.api("one.system.version", ("alice:wrong",))
        assert wrong[:3] == [
            False,
            "[one.system.version] User couldn't be authenticated, aborting call.",
            256,
        ]


@pytest.mark.parametrize(
    ("method", "arguments", "refusal"),
    [
        ("one.vm.info", (5,), r"\[one.vm.info\] Error getting virtual machine \[5\]."),
        ("one.host.info", (5,), r"Error getting host \[5\]."),
        ("one.vm.action", ("dance", 0), 'Action "dance" is not supported'),
        ("one.vm.action", ("resume", 0), "This action is not available for state PENDING"),
        ("one.vmpool.info", (-2, -1, -1, -1, "X=1"), "JSON query search is not supported"),
        ("one.template.allocate", ("A=[B",), "Parse error"),
    ],
)
def test_refusals_are_in_oneds_words(
    method: str, arguments: tuple[str | int, ...], refusal: str, tmp_path: Path
) -> None:
    with FrontEnd("6.10", driver=FakeDriver(tmp_path).argv) as frontend:
        frontend.add_vm(TEMPLATE)
        with pytest.raises(Refusal, match=refusal):
            frontend.call(method, *arguments)


def test_pool_pages_are_newest_first(tmp_path: Path) -> None:
    with FrontEnd("6.10", driver=FakeDriver(tmp_path).argv) as frontend:
        template = frontend.add_template(TEMPLATE)
        for _ in range(5):
            frontend.add_vm(template)
        for query, ids in (((0, -2), "43"), ((2, -2), "21"), ((1, 3), "321"), ((-1, -1), "43210")):
            rows = parse(str(frontend.call("one.vmpool.info", -2, *query, -1)))
            assert "".join(row.findtext("ID") or "" for row in rows) == ids
