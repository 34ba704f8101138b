"""Passwords stay where they belong, and a hostile remote does no harm."""

import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.wire.xmlrpc import write_answer
from tests.end_to_end.burst import Burst, burst, monitoring_settings
from tests.secret_watch import SecretWatch

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 30}">' for a, b in zip("abcdef", "bcdefg", strict=True))
    + "]><VMTEMPLATE><ID>0</ID><NAME>&g;</NAME></VMTEMPLATE>"
)
HOSTILE = {
    "bomb": BOMB,
    "a file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><VMTEMPLATE>&a;</VMTEMPLATE>',
    "deep": "<VMTEMPLATE>" * 100_000,
    "long": f"<VMTEMPLATE><NAME>{'x' * 12_000_000}</NAME></VMTEMPLATE>",
}


def check_refusal(both: Burst, words: str) -> None:
    vm = both.vm()
    vm.deploy(both.host)
    vm.wait("BOOT_FAILURE")
    assert words in vm.error
    assert len(vm.error) < 600


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_xml_is_one_failed_operation(kind: str) -> None:
    with burst() as both:
        body = write_answer([True, escape(HOSTILE[kind]).encode(), 0])
        both.cloud.faults.on(faults.answer_garbage(body), "one.template.info")
        check_refusal(both, "XML")
        both.run_vm()


def test_a_bomb_in_the_answer_itself_is_not_expanded() -> None:
    with burst() as both:
        both.cloud.faults.on(faults.answer_garbage(BOMB.encode()), "one.template.info")
        check_refusal(both, "not an XML-RPC answer")
        both.run_vm()


def test_a_megabyte_in_an_attribute_is_carried() -> None:
    value = "x" * (1 << 20)
    with burst() as both:
        vm = both.run_vm(CONTEXT={"LONG": value})
        remote = both.cloud.vms[both.remote_id(vm)]
        assert remote.template.vector("CONTEXT")["LONG"] == value


def test_a_redirect_does_not_get_the_password() -> None:
    with SimulatedCloud() as elsewhere, burst() as both:
        redirect = faults.redirect(elsewhere.endpoint)
        both.cloud.faults.on(redirect, times=None)
        check_refusal(both, "redirects are not followed")
        assert elsewhere.server.accepted == 0


def test_a_wrong_password_is_not_shown(secret_watch: SecretWatch) -> None:
    secret_watch.add_secret("sesame open", "burst:sesame open")
    periods = monitoring_settings("6.10")
    with burst(monitoring=periods, ONE_PASSWORD="sesame open", ONE_OUTAGE_GRACE="1") as both:
        check_refusal(both, "couldn't be authenticated")
        both.host.wait("ERROR")


def test_what_the_drivers_write_is_their_owners_alone(secret_watch: SecretWatch) -> None:
    with burst("7.2", "scripts", monitoring=monitoring_settings("7.2")) as both:
        both.run_vm()
        both.host.wait("MONITORED")
        var = both.frontend.home.var
        written = {path.name for path in var.glob("**/*one2one*") if path.is_file()}
        assert ".one2one.lock" in written
        assert any(name.endswith(".pid") for name in written)


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    with burst() as both:
        (both.frontend.home.var / ".one2one.lock").symlink_to(victim)
        check_refusal(both, "cannot open")
        assert not victim.exists()


def test_a_password_in_any_text_is_found() -> None:
    watching = SecretWatch()
    watching.add_secret("burstpass", "burst:burstpass")
    watching.add_line("somewhere", "LOG I 3 connected as burst:burstpass")
    watching.add_line("packed", "MONITOR SUCCESS 0 YnVyc3Q6YnVyc3RwYXNz")
    assert watching.find_leaks() == ["somewhere", "packed", "packed"]


def test_a_password_that_a_process_prints_or_gets_is_found(
    secret_watch: SecretWatch,
) -> None:
    secret_watch.add_secret("sesame open", "burst:sesame open")
    subprocess.run(["/bin/echo", "sesame open"], capture_output=True, check=True)
    subprocess.run(["/bin/true"], env={"PASSWORD": "sesame open"}, check=True)
    leaks = secret_watch.find_leaks()
    secret_watch.texts.clear()
    assert leaks == [
        "title of /bin/echo",
        "output of ['/bin/echo', 'sesame open']",
        "environment of /bin/true",
    ]
