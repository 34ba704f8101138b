"""What a remote VM's CONTEXT is made of, and what its user is told."""

from one2one.driver.contexts import build_context, read_remote_template
from one2one.opennebula.template import Vector
from tests.driver.world import World


def build(world: World, local: Vector, remote: Vector) -> Vector:
    world.add_local(7, template={"CONTEXT": local})
    world.remote.templates[0] = {"CONTEXT": remote}
    job = world.open_job("DEPLOY", "BOOT")
    template = read_remote_template(job, 0)
    return build_context(job, job.local.get_vm(7), template).vector("CONTEXT")


def test_local_values_go_before_those_of_the_remote_template(world: World) -> None:
    assert build(world, {"A": "1", "B": "2"}, {"B": "3", "C": "4"}) == {
        "A": "1",
        "B": "2",
        "C": "4",
    }
    assert world.log == []


def test_files_of_the_front_end_are_left_out_and_that_is_told(world: World) -> None:
    assert build(world, {"A": "1", "FILES_DS": "x"}, {"B": "2"}) == {"A": "1", "B": "2"}
    assert world.log == ["CONTEXT/FILES_DS is left out: a remote VM cannot get local files"]


def test_a_key_of_the_remote_account_is_told(world: World) -> None:
    build(world, {}, {"SSH_PUBLIC_KEY": "$USER[SSH_PUBLIC_KEY]"})
    assert "set it in the local template" in world.log[0]


def test_a_burst_reads_a_remote_template_once(world: World) -> None:
    world.add_local(7)
    job = world.open_job("DEPLOY", "BOOT")
    for _ in range(20):
        read_remote_template(job, 0)
    assert world.remote.count("template.info") == 1
