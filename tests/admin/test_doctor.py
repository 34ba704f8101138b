import json
import subprocess
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from one2one.opennebula.states import HostState, RaftState, State, VmState
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.faults import answer_garbage
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.cloud.wire.delivery import ApiRequest
from opennebula_sandbox.cloud.wire.xmlrpc import format_http_answer
from tests.admin.certificates import certificate
from tests.admin.clouds import DRIVER, GENERATIONS, HYBRID, Clouds, LazyFrontEnd, open_clouds
from tests.admin.stock import FrontEnd as Files
from tests.admin.stock import unpack

Answers = dict[tuple[str, str], tuple[str, str]]
"""(subject, check) → (result, what was found)."""


def unpack_files(clouds: Clouds, series: str) -> Files:
    """Give the front-end OpenNebula's files, and install the drivers."""
    home = clouds.front_end.home
    files = Files(home.path, home.path / "etc", home.path / "lib", home.var, {})
    unpack(files, series)
    clouds.output("install", "--yes")
    return files


def examine(clouds: Clouds, *arguments: str) -> tuple[int, Answers]:
    done = clouds.run("doctor", "--json", *arguments)
    rows = json.loads(done.stdout)
    answers = {(r["subject"], r["check"]): (r["severity"], r["text"]) for r in rows}
    for row in rows:
        needs_remedy = row["severity"] in ("warning", "failure")
        assert bool(row["remedy"]) is needs_remedy, row
    return done.returncode, answers


def answer(clouds: Clouds, check: str, subject: str = "burst1") -> tuple[str, str]:
    return examine(clouds)[1][subject, check]


def test_a_sound_installation_has_no_failure(clouds: Clouds) -> None:
    series = clouds.front_end.release.profile.version.rpartition(".")[0]
    files = unpack_files(clouds, series)
    clouds.add_host("burst1", ONE_CAPACITY={"CPU": "400", "MEMORY": "4096"})
    clouds.run_vm(clouds.add_host("burst2"))
    with ExitStack() as stack:
        for name in ("one_vmm_one2one", "one_im_one2one"):
            command = [files.lib / "mads" / name]
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
        status, answers = examine(clouds)
    assert not {key: found for key, found in answers.items() if found[0] == "failure"}
    assert status == 1  # the two hosts share an account
    assert len({check for _, check in answers}) >= 25


@pytest.mark.parametrize("series", GENERATIONS)
def test_what_is_not_installed_is_told(series: str, newest: Clouds) -> None:
    home = newest.front_end.home
    unpack(Files(home.path, home.path / "etc", home.path / "lib", home.var, {}), series)
    status, answers = examine(newest)
    assert status == 255
    assert answers["front-end", "VMM driver entry"][0] == "failure"
    assert answers["front-end", "IM driver entry"][0] == "failure"


def test_what_an_upgrade_removed_is_told(newest: Clouds) -> None:
    files = unpack_files(newest, "7.2")
    (files.lib / "mads/one_vmm_one2one").unlink()
    status, answers = examine(newest)
    assert status == 255
    assert answers["front-end", "VMM driver entry"][0] == "failure"
    assert "one_vmm_one2one" in answers["front-end", "installed files"][1]


def test_drivers_that_do_not_run_are_told(newest: Clouds) -> None:
    unpack_files(newest, "7.2")
    found = answer(newest, "driver processes", "front-end")
    assert found == ("failure", "not running: one_vmm_one2one, one_im_one2one")


def test_a_missing_key_is_told(newest: Clouds) -> None:
    files = unpack_files(newest, "7.2")
    (files.var / ".one/one_key").write_text("")
    assert answer(newest, "encryption key", "front-end")[0] == "failure"


def test_wrong_probe_periods_are_told(newest: Clouds) -> None:
    files = unpack_files(newest, "7.2")
    with (files.etc / "monitord.conf").open("a") as monitord:
        monitord.write("MONITORING_INTERVAL_HOST = 60\n")
    assert answer(newest, "probe periods", "front-end")[0] == "warning"


def test_periods_that_are_left_empty_are_those_of_opennebula(newest: Clouds) -> None:
    files = unpack_files(newest, "7.2")
    monitord = files.etc / "monitord.conf"
    text = monitord.read_text().replace("STATE_VM = 5", 'STATE_VM = "", MONITOR_HOST = ""')
    monitord.write_text(f'{text}MONITORING_INTERVAL_HOST = ""\n')
    found = ("ok", "VM states every 5 s, hosts every 120 s")
    assert answer(newest, "probe periods", "front-end") == found


def test_a_missing_dummy_driver_is_told(newest: Clouds) -> None:
    files = unpack_files(newest, "7.2")
    oned = files.etc / "oned.conf"
    oned.write_text(oned.read_text().replace("-d dummy,lvm", "-d lvm"))
    assert answer(newest, "dummy transfer driver", "front-end")[0] == "failure"


def test_without_a_daemon_that_is_the_failure(newest: Clouds) -> None:
    newest.front_end.server.stop()
    status, answers = examine(newest)
    assert status == 255
    assert answers["front-end", "local daemon"][0] == "failure"


def test_an_unreachable_remote_is_one_failure(newest: Clouds) -> None:
    newest.add_host("burst1", ONE_ENDPOINT="http://127.0.0.1:1/RPC2")
    status, answers = examine(newest)
    assert status == 255
    found = {check for (_, check), (result, _) in answers.items() if result == "failure"}
    assert found == {"front-end files", "endpoint"}


def test_what_is_no_opennebula_is_told(newest: Clouds) -> None:
    newest.add_host("burst1")
    newest.remote.faults.on(answer_garbage(), times=None)
    assert answer(newest, "endpoint")[0] == "failure"


def test_a_wrong_password_is_told_as_such(newest: Clouds) -> None:
    newest.add_host("burst1", ONE_PASSWORD="wrong")
    _, answers = examine(newest)
    assert answers["burst1", "account"][0] == "failure"
    assert answers["burst1", "endpoint"][0] == "ok"


def test_missing_settings_are_told(newest: Clouds) -> None:
    newest.front_end.add_host("burst1")
    assert answer(newest, "settings") == ("failure", "host burst1 has no ONE_ENDPOINT")


def report(clouds: Clouds, ago: int) -> Host:
    """Give a host that is on and was asked just now, but whose last report is old."""
    host = clouds.front_end.pools.find_host(clouds.add_host("burst1").id)
    host.state = HostState.MONITORED
    host.reported_at = host.monitored_at = int(time.time()) - ago
    if not clouds.front_end.release.monitord:
        host.monitored_at = int(time.time())
    return host


@pytest.mark.parametrize(
    ("ago", "result"), [(10, "ok"), (200, "ok"), (400, "failure"), (-3600, "warning")]
)
def test_the_age_of_the_last_report_is_told(clouds: Clouds, ago: int, result: str) -> None:
    unpack_files(clouds, clouds.front_end.release.profile.version.rpartition(".")[0])
    report(clouds, ago)
    assert answer(clouds, "last report")[0] == result


def test_a_host_that_is_off_line_needs_no_report(newest: Clouds) -> None:
    unpack_files(newest, "7.2")
    report(newest, 4000).state = HostState.OFFLINE
    assert answer(newest, "last report")[0] == "skipped"


def test_a_follower_needs_no_report(newest: Clouds) -> None:
    unpack_files(newest, "7.2")
    report(newest, 4000)
    newest.front_end.set_raft_state(RaftState.FOLLOWER)
    assert answer(newest, "last report")[0] == "skipped"


def test_an_oned_that_keeps_no_report_cannot_tell(newest: Clouds) -> None:
    files = unpack_files(newest, "7.2")
    with (files.etc / "monitord.conf").open("a") as monitord:
        monitord.write("HOST_MONITORING_EXPIRATION_TIME = 0\n")
    report(newest, 4000)
    assert answer(newest, "last report")[0] == "skipped"


def test_a_password_in_clear_text_is_told(newest: Clouds) -> None:
    host = newest.add_host("burst1")
    record = newest.front_end.pools.find_host(host.id)
    others = [(name, value) for name, value in record.template if name != "ONE_PASSWORD"]
    record.template = Template([*others, ("ONE_PASSWORD", newest.remote.password)])
    assert answer(newest, "stored password")[0] == "failure"


def test_clear_text_over_a_network_is_told(newest: Clouds) -> None:
    newest.add_host("burst1", ONE_ENDPOINT=newest.remote.endpoint.replace("127.0.0.1", "0.0.0.0"))
    assert answer(newest, "clear text")[0] == "warning"


def test_an_ha_front_end_tells_who_leads_and_whether_keys_differ() -> None:
    with open_clouds("7.2") as one, open_clouds("7.2") as other:
        one.add_host("burst1")
        other.add_host("burst1")
        password = one.front_end.session.partition(":")[2]
        other.front_end.oned.add_user("oneadmin", password, "oneadmin")  # a zone has one database
        one.front_end.set_raft_state(RaftState.LEADER)
        other.front_end.set_raft_state(RaftState.FOLLOWER)
        one.front_end.pools.servers = {
            "one-a": one.front_end.endpoint,
            "one-b": other.front_end.endpoint,
            "one-c": "http://127.0.0.1:1/RPC2",
        }
        _, answers = examine(one)
        severity, text = answers["front-end", "leader"]
        assert severity == "warning"
        assert text.startswith("one-a leads; no answer of one-c (cannot connect")
        assert answers["front-end", "keys of the servers"][0] == "ok"
        del one.front_end.pools.servers["one-c"]
        other.front_end.pools.find_host(0).template = Template([("ONE_PASSWORD", "other")])
        one.front_end.set_raft_state(RaftState.FOLLOWER)
        _, answers = examine(one)
        assert answers["front-end", "leader"][0] == "failure"
        assert answers["front-end", "keys of the servers"][0] == "failure"


def test_a_server_that_does_not_answer_is_told(newest: Clouds) -> None:
    newest.add_host("burst1", ONE_ENDPOINT=f"{newest.remote.endpoint} http://127.0.0.1:1/RPC2")
    _, answers = examine(newest)
    severity, text = answers["burst1", "servers"]
    assert severity == "warning"
    assert text.startswith("1 of 2 do not answer: http://127.0.0.1:1/RPC2 (cannot connect")
    assert answers["burst1", "endpoint"][0] == "ok"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Callable[[int], tuple[Clouds, Path]]]:
    """A remote that speaks TLS with a certificate for some days."""
    with ExitStack() as stack:

        def start(days: int) -> tuple[Clouds, Path]:
            files = certificate(tmp_path, days)
            remote = stack.enter_context(SimulatedCloud("7.2", certificate=files))
            front_end = stack.enter_context(LazyFrontEnd("7.2", driver=[DRIVER]))
            return Clouds(front_end, remote), files[0]

        yield start


Secure = Callable[[int], tuple[Clouds, Path]]


def test_an_untrusted_certificate_is_told(secure: Secure) -> None:
    clouds, _ = secure(90)
    clouds.add_host("burst1")
    _, answers = examine(clouds)
    assert answers["burst1", "certificate"][0] == "failure"
    assert answers["burst1", "endpoint"][0] == "failure"


def test_a_trusted_certificate_is_fine(secure: Secure) -> None:
    clouds, authority = secure(90)
    clouds.add_host("burst1", ONE_CA_FILE=str(authority))
    _, answers = examine(clouds)
    for check in ("certificate", "certificate expiry", "clear text", "endpoint"):
        assert answers["burst1", check][0] == "ok"


def test_a_certificate_that_expires_soon_is_told(secure: Secure) -> None:
    clouds, authority = secure(5)
    clouds.add_host("burst1", ONE_CA_FILE=str(authority))
    assert answer(clouds, "certificate expiry")[0] == "warning"


def test_unverified_tls_is_told(secure: Secure) -> None:
    clouds, _ = secure(90)
    clouds.add_host("burst1", ONE_VERIFY_TLS="NO")
    assert answer(clouds, "certificate")[0] == "warning"


@pytest.mark.parametrize(
    ("seconds", "result"), [(0, "ok"), (120, "warning"), (-120, "warning"), (7200, "failure")]
)
def test_a_wrong_clock_is_told(newest: Clouds, seconds: int, result: str) -> None:
    def answer_with_date(request: ApiRequest) -> Iterator[bytes]:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        yield format_http_answer(request.execute(), keep=request.keep, header=f"Date: {date}\r\n")

    newest.add_host("burst1")
    newest.remote.faults.on(answer_with_date, times=None)
    assert answer(newest, "clock")[0] == result


@pytest.mark.parametrize(("seconds", "result"), [(3600, "warning"), (30 * 86400, "ok"), (-1, "ok")])
def test_the_age_of_a_token_is_told(newest: Clouds, seconds: int, result: str) -> None:
    token = newest.remote.call("one.user.login", newest.remote.user, "", seconds)
    newest.add_host("burst1", ONE_PASSWORD=str(token))
    found, text = answer(newest, "token age")
    assert found == result
    assert "token" in text


def rules(newest: Clouds, *rules: tuple[int, int, int]) -> None:
    """Give the remote access control rules: who, what, which rights."""
    xml = "".join(
        f"<ACL><ID>{number}</ID><USER>{who:x}</USER><RESOURCE>{what:x}</RESOURCE>"
        f"<RIGHTS>{rights:x}</RIGHTS><ZONE>400000000</ZONE><STRING></STRING></ACL>"
        for number, (who, what, rights) in enumerate(rules)
    )
    body = xmlrpc.client.dumps(([True, f"<ACL_POOL>{xml}</ACL_POOL>", 0],), methodresponse=True)
    newest.remote.faults.on(answer_garbage(body.encode()), "one.acl.info", times=None)


EVERYBODY, GROUP_1, OTHER_GROUP = 0x400000000, 0x200000001, 0x200000063
ALL_TEMPLATES, ALL_HOSTS = 0x20400000000, 0x2400000000
CREATE, ADMIN, MANAGE, USE = 8, 4, 2, 1


@pytest.mark.parametrize("who", [EVERYBODY, GROUP_1])
def test_enough_rights_are_fine(newest: Clouds, who: int) -> None:
    newest.add_host("burst1")
    rules(newest, (who, ALL_TEMPLATES, CREATE), (who, ALL_HOSTS, MANAGE), (OTHER_GROUP, 0, ADMIN))
    assert answer(newest, "rights too many") == ("ok", "an ordinary user")


def test_rules_that_the_account_may_not_read_are_told(newest: Clouds) -> None:
    newest.add_host("burst1")
    refusal = [False, "[one.acl.info] User [2] : Not authorized to perform MANAGE ACL.", 512]
    body = xmlrpc.client.dumps((refusal,), methodresponse=True)
    newest.remote.faults.on(answer_garbage(body.encode()), "one.acl.info", times=None)
    assert answer(newest, "rights too many")[0] == "ok"
    assert "may not read" in answer(newest, "rights too many")[1]


@pytest.mark.parametrize("has_it", [True, False])
def test_a_missing_right_is_told(clouds: Clouds, *, has_it: bool) -> None:
    clouds.add_host("burst1")
    clouds.remote.owner.group.creates_templates = has_it
    templates = len(clouds.remote.oned.templates)
    assert answer(clouds, "rights it lacks")[0] == ("ok" if has_it else "failure")
    assert len(clouds.remote.oned.templates) == templates


def test_a_right_too_many_is_told(newest: Clouds) -> None:
    newest.add_host("burst1")
    rules(newest, (GROUP_1, ALL_HOSTS, ADMIN))
    assert "HOST" in answer(newest, "rights too many")[1]


def test_an_administrators_account_is_told(newest: Clouds) -> None:
    newest.remote.instantiate()
    remote = newest.remote.oneadmin
    newest.add_host("burst1", ONE_USER=remote.name, ONE_PASSWORD=remote.password)
    _, answers = examine(newest)
    assert answers["burst1", "rights too many"][0] == "warning"
    assert answers["burst1", "VMs of others"][0] == "warning"


def test_a_quota_that_is_used_up_is_told(newest: Clouds) -> None:
    newest.remote.owner.quotas.limit("", VMS=1)
    newest.remote.instantiate()
    newest.add_host("burst1")
    assert answer(newest, "quotas") == ("warning", "used up: 1/1 VMs (account)")


def test_counters_below_0_are_told(newest: Clouds) -> None:
    newest.remote.owner.quotas.limit(CPU=2)
    newest.remote.owner.quotas.used |= {"RUNNING_VMS": -4, "CPU": -0.001}
    newest.add_host("burst1")
    found = "below 0, and taken for 0 here: RUNNING_VMS_USED = -4 (account)"
    assert answer(newest, "quota counters") == ("warning", found)


def test_a_capacity_beyond_the_quota_is_told(newest: Clouds) -> None:
    newest.remote.owner.quotas.limit("", CPU=2)
    newest.add_host("burst1", ONE_CAPACITY={"CPU": "400", "MEMORY": "0"})
    assert answer(newest, "ONE_CAPACITY")[0] == "warning"


def test_hosts_that_share_are_told(newest: Clouds) -> None:
    newest.add_host("burst1", ONE_HYBRID_ID="a")
    newest.add_host("burst2", ONE_HYBRID_ID="a")
    _, answers = examine(newest)
    assert answers["front-end", "hybrid ids"][0] == "failure"
    assert answers["burst1", "shared account"][0] == "warning"
    assert answers["burst2", "connections"][0] == "warning"


def test_templates_that_cannot_run_are_told(newest: Clouds) -> None:
    newest.add_host("burst1")
    newest.front_end.add_template({"PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "77"}})
    assert answer(newest, "template mapping") == (
        "failure",
        "the account may not use the remote template: 0 asks for 77",
    )


def test_doubtful_templates_are_told(newest: Clouds) -> None:
    newest.add_host("burst1")
    template = HYBRID | {"CPU": "4", "SCHED_REQUIREMENTS": "", "NIC": {"NETWORK": "lan"}}
    newest.front_end.add_template(template)
    _, answers = examine(newest)
    assert answers["burst1", "template sizes"] == (
        "warning",
        "a local template and its remote one differ: 0 has CPU 4 for 0.1",
    )
    assert answers["burst1", "template parts"][0] == "warning"
    assert answers["burst1", "template requirements"][0] == "warning"


def test_sizes_that_the_remote_does_not_allow_are_told(newest: Clouds) -> None:
    newest.add_host("burst1")
    local: Vector = {"TYPE": "opennebula", "TEMPLATE_ID": "0", "SIZE": "LOCAL"}
    newest.front_end.add_template(HYBRID | {"MEMORY": "256"})
    assert answer(newest, "local sizes")[0] == "skipped"
    newest.front_end.add_template(HYBRID | {"MEMORY": "256", "PUBLIC_CLOUD": local})
    assert answer(newest, "local sizes") == (
        "ok",
        "the remote allows the sizes of 1 local templates",
    )
    newest.remote.oned.templates[0].template.add("MEMORY_MAX", "128")
    newest.front_end.add_template(HYBRID | {"PUBLIC_CLOUD": local | {"SIZE": "HUGE"}})
    _, answers = examine(newest)
    severity, text = answers["burst1", "local sizes"]
    assert severity == "failure"
    assert "1: MEMORY 256 is not what remote template 0 allows: MEMORY_MAX 128" in text
    assert "2: PUBLIC_CLOUD/SIZE is 'HUGE' instead of LOCAL or REMOTE" in text
    differing = "a local template and its remote one differ: 0 has MEMORY 256 for 128"
    assert answers["burst1", "template sizes"] == ("warning", differing)


def test_hours_that_are_wrong_or_too_many_are_told(newest: Clouds) -> None:
    newest.add_host("burst1", ONE_MAX_HOURS="100")
    local: Vector = {"TYPE": "opennebula", "TEMPLATE_ID": "0", "MAX_HOURS": "20"}
    newest.front_end.add_template(HYBRID | {"PUBLIC_CLOUD": local})
    assert answer(newest, "template hours") == ("ok", "100 hours at most")
    newest.front_end.add_template(HYBRID | {"PUBLIC_CLOUD": local | {"MAX_HOURS": "200"}})
    assert answer(newest, "template hours") == (
        "warning",
        "a template has more MAX_HOURS than the host: 1 has 200",
    )
    newest.front_end.add_template(HYBRID | {"PUBLIC_CLOUD": local | {"MAX_HOURS": "x"}})
    severity, text = answer(newest, "template hours")
    assert severity == "failure"
    assert "2: PUBLIC_CLOUD/MAX_HOURS is 'x' instead of a number of hours" in text


def test_a_template_that_leaves_the_key_to_the_remote_is_told(newest: Clouds) -> None:
    newest.add_host("burst1")
    number = newest.front_end.add_template(HYBRID)
    assert answer(newest, "template context") == (
        "warning",
        "values of the remote account, which a template does not set: 0 leaves SSH_PUBLIC_KEY",
    )
    own = 'CONTEXT = [ SSH_PUBLIC_KEY = "$USER[SSH_PUBLIC_KEY]" ]'
    newest.front_end.call("one.template.update", number, own, 1)
    assert answer(newest, "template context")[0] == "ok"


def test_a_remote_vm_that_is_gone_is_told(clouds: Clouds) -> None:
    clouds.run_vm()
    [remote] = clouds.remote.vms
    clouds.remote.act(remote.id, "terminate-hard")
    assert clouds.remote.wait_for(remote.id, State(VmState.DONE))
    assert answer(clouds, "deploy ids")[0] == "failure"


def test_what_has_lost_its_local_vm_is_told(newest: Clouds) -> None:
    newest.run_vm()
    [remote] = newest.remote.vms
    marks = "\n".join(
        f'{name} = "{value}"'
        for name, value in remote.user_template
        if "OPENNEBULA" in name or "HYBRID" in name
    )
    newest.remote.instantiate(0, "remote-opennebula-0", marks)
    lost = marks.replace('VM_ID = "0"', 'VM_ID = "4711"')
    newest.remote.instantiate(0, "remote-opennebula-4711", lost)
    _, answers = examine(newest)
    assert answers["burst1", "doubles"][0] == "warning"
    assert answers["burst1", "lost VMs"][0] == "warning"


def test_one_host_can_be_chosen(newest: Clouds) -> None:
    newest.add_host("burst1")
    newest.add_host("burst2")
    _, answers = examine(newest, "burst2")
    assert {subject for subject, _ in answers} == {"front-end", "burst2"}
    assert "there is no hybrid host" in newest.run("doctor", "nowhere").stderr


def test_it_reads_well_without_colour(newest: Clouds) -> None:
    newest.add_host("burst1")
    said = newest.run("doctor").stdout
    assert "\x1b" not in said
    assert said.splitlines()[0] == "front-end"
    assert "burst1" in said.splitlines()
    assert said.splitlines()[-1].endswith("failure")


def test_nothing_is_changed(newest: Clouds) -> None:
    newest.add_host("burst1")
    before = newest.front_end.call("one.host.info", 0)
    examine(newest)
    assert newest.front_end.call("one.host.info", 0) == before
    methods = newest.remote.calls.counts()
    reading = ("info", "version", "infoextended", "one.template.allocate")  # without a name
    assert all(method.endswith(reading) for method in methods)
