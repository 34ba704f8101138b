"""Which task may run next: one at a time for a VM, and a fair share for each host.

Pure bookkeeping; its owner holds a lock around each call.
"""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Task = TypeVar("Task", bound=Hashable)


class TaskQueue(Generic[Task]):
    """Tasks of many VMs on many hosts, for a number of workers."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._of_vm: dict[int, deque[tuple[str, Task]]] = {}
        self._ready: dict[str, deque[Task]] = {}
        self._running: dict[str, int] = {}

    def add(self, host: str, vm_id: int, task: Task) -> bool:
        """Queue *task* behind the VM's others; tell whether there were none."""
        tasks = self._of_vm.setdefault(vm_id, deque())
        tasks.append((host, task))
        if len(tasks) == 1:
            self.resume(host, task)
        return len(tasks) == 1

    def resume(self, host: str, task: Task) -> None:
        """Make a task ready, at first or after a wait."""
        self._ready.setdefault(host, deque()).append(task)

    def take(self) -> tuple[str, Task] | None:
        """Return a task to run and its host, None when nothing may run now.

        Hosts take turns, those first that have no worker yet, and none gets more than its share
        of the workers, so that some stay free for the others when a remote does not answer.
        """
        hosts = len(self._ready.keys() | self._running.keys())
        if not hosts:
            return None
        share = max(1, min(self._workers - self._workers // 3, self._workers // hosts))
        for host in sorted(self._ready, key=self._running.__contains__):
            if self._running.get(host, 0) >= share:
                continue
            tasks = self._ready.pop(host)
            task = tasks.popleft()
            if tasks:
                self._ready[host] = tasks  # at the end: the next host comes first
            self._running[host] = self._running.get(host, 0) + 1
            return host, task
        return None

    def count_workers(self) -> int:
        """Return how many workers there may be now.

        Other hosts may hold all of them: then there is one more for each host, so that none
        waits for the remote of another.
        """
        starving = self._ready.keys() - self._running.keys()
        return self._workers + (len(self._ready.keys() | self._running.keys()) if starving else 0)

    def release(self, host: str) -> None:
        """Note that a worker is done with a task of *host*, for now or for good."""
        self._running[host] -= 1
        if not self._running[host]:
            del self._running[host]

    def finish(self, vm_id: int) -> None:
        """End the VM's first task and make its next one ready."""
        tasks = self._of_vm[vm_id]
        tasks.popleft()
        if tasks:
            self.resume(*tasks[0])
        else:
            del self._of_vm[vm_id]

    def get_first(self, vm_id: int) -> Task | None:
        """Return the VM's task that runs, waits or is next to run."""
        tasks = self._of_vm.get(vm_id)
        return tasks[0][1] if tasks else None

    def drop_queued(self, vm_id: int) -> None:
        """Forget the VM's tasks behind the first."""
        if tasks := self._of_vm.get(vm_id):
            self._of_vm[vm_id] = deque([tasks[0]])
