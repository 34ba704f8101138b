"""The one interface to time and threads: the real machine, unless a simulation gives another."""

import os
import threading
import time
from contextvars import copy_context

from one2one import runtime


def test_it_is_the_real_machine() -> None:
    before = time.monotonic()
    assert before <= runtime.monotonic() <= time.monotonic()
    assert dict(runtime.environment) == dict(os.environ)
    ran = runtime.event()
    runtime.start_thread("a thread", ran.set)
    assert ran.wait(10)


def test_a_simulation_gives_another_to_its_own_context_alone() -> None:
    simulated = copy_context()
    machine = runtime.Runtime(monotonic=lambda: 42.0, environment={"ONE_AUTH": "here"})
    simulated.run(runtime.use, machine)

    assert simulated.run(runtime.monotonic) == 42.0
    assert simulated.run(dict, runtime.environment) == {"ONE_AUTH": "here"}
    assert runtime.monotonic() != 42.0


def test_a_thread_sees_the_real_machine() -> None:
    simulated = copy_context()
    simulated.run(runtime.use, runtime.Runtime(monotonic=lambda: 42.0))
    seen: list[float] = []
    thread = threading.Thread(target=lambda: seen.append(runtime.monotonic()))
    simulated.run(thread.start)
    thread.join()
    assert seen != [42.0]
