"""Drivers that nobody asks for anything: what they still use."""

import time
from collections.abc import Iterator

from bench import answers
from bench.clouds import clouds
from bench.drivers import driver, environment
from bench.measure import cpu_of, memory_of
from bench.report import Table


def run(*, small: bool) -> Iterator[Table]:
    wait = 0.5 if small else 10.0
    rows = []
    with (
        clouds() as side,
        environment(side) as env,
        driver("one_vmm_one2one", "-t 15 -r 0 one", env) as fresh,
        driver("one_vmm_one2one", "-t 15 -r 0 one", env) as used,
        driver("one_im_one2one", "-t 15 -r 0 one", env) as im,
    ):
        burst = range(1, 100)
        used.write(*(f"DEPLOY  {vm_id} {answers.message(vm_id, 0, 2, '')}" for vm_id in burst))
        for _ in burst:
            used.answer()
        time.sleep(wait / 5)
        processes = {
            "one_vmm_one2one, new": fresh,
            "one_vmm_one2one, after 99 DEPLOYs": used,
            "one_im_one2one, new": im,
        }
        before = {name: cpu_of(process.pid) for name, process in processes.items()}
        time.sleep(wait)
        for name, process in processes.items():
            spent = 1000 * (cpu_of(process.pid) - before[name]) / wait
            rows.append((name, spent, memory_of(process.pid, "VmRSS")))
    yield Table("idle", ("driver", "CPU, ms a second", "memory, MB"), rows)
