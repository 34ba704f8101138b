"""What is remembered of a cloud whose database was restored."""

from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from tests.simulation.memory import DONE, Memory


def test_a_vm_that_a_restore_took_away_was_there_until_then() -> None:
    cloud = SimulatedCloud("7.2", clock=Clock(virtual=True))
    vm, memory = cloud.instantiate(), Memory(lambda *_: None)
    memory.observe([vm], 1.0)
    memory.observe([], 2.0)
    (life,) = memory.list_lives(vm.id, 1.5)
    assert [moment.state for moment in life.since(1.5)] == [vm.state, DONE]
    assert memory.list_lives(vm.id, 2.5) == []
