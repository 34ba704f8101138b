"""The catalogue of deliberate faults: what each does wrong, and how the source changes for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault to put into the drivers."""

    story: str
    """What the drivers do wrong with it."""
    module: str
    """Where, in ``src/one2one``."""
    old: str
    """A text that the module has once."""
    new: str

    def put_into(self, source: str) -> str:
        """Return *source* with the fault; raises ValueError where the old text is not there."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.module} has {source.count(self.old)} times: {self.old}")
        return source.replace(self.old, self.new)


_CREATION = (
    Fault(
        "DEPLOY takes over no VM of an earlier attempt",
        "driver/create.py",
        "yield from _take_over(job, earlier)",
        "yield from _take_over(job, [])",
    ),
    Fault(
        "DEPLOY takes over a VM from before recover --recreate",
        "driver/create.py",
        "marks is None or marks.sequence != job.marks.sequence",
        "marks is None",
    ),
    Fault(
        "DEPLOY takes over a VM that failed to start",
        "driver/create.py",
        "if name in _FAILED or marks is None",
        "if marks is None",
    ),
    Fault(
        "DEPLOY takes over a VM that another local VM is already",
        "driver/create.py",
        "            job.log(f\"Remote VM {vm.id} has this VM's marks, but is VM {other}'s\")\n"
        "            continue\n",
        "            pass\n",
    ),
    Fault(
        "DEPLOY adopts a VM that another local VM is already",
        "driver/create.py",
        "if (other := _find_other_holder(job, remote_id)) is not None:",
        "if (other := 0):",
    ),
    Fault(
        "DEPLOY takes over a held VM and leaves it held",
        "driver/create.py",
        '            job.remote.cloud.vm_action("release", vm.id)\n',
        "            pass\n",
    ),
    Fault(
        "An instantiate whose answer was lost is repeated at once",
        "driver/create.py",
        "        if existing is None:\n            raise\n",
        "        if existing is None:\n"
        "            existing = remote.cloud.instantiate(\n"
        "                template_id, format_remote_name(local.id), extra\n"
        "            )\n",
    ),
    Fault(
        "A DEPLOY whose instantiate has no answer begins again",
        "hybrid/retry.py",
        '    ("DEPLOY", "one.template.instantiate"),\n',
        "",
    ),
    Fault(
        "A reboot whose answer was lost is repeated",
        "hybrid/retry.py",
        '    ("REBOOT", "one.vm.action"),\n',
        "",
    ),
    Fault(
        "A remote VM is made without marks",
        "driver/create.py",
        "extra = [*format_marks(job.marks), *format_origin(local, runtime.host_name())]",
        "extra = [*format_origin(local, runtime.host_name())]",
    ),
    Fault(
        "The marks do not tell the start of the local VM",
        "hybrid/naming.py",
        '            (_START, f"{marks.stime}.{marks.sequence}"),\n',
        "",
    ),
    Fault(
        "Two drivers may write a hybrid id at the same time",
        "driver/local.py",
        "            runtime.lock_file(lock)\n",
        "",
    ),
)

_OWNERSHIP = (
    Fault(
        "A malformed mark is accepted",
        "hybrid/naming.py",
        r'_START_VALUE = re.compile(r"(\d{1,11})\.(\d{1,9})", re.ASCII)',
        r'_START_VALUE = re.compile(r"\D*(\d*)\D*(\d*).*", re.ASCII)',
    ),
    Fault(
        "The mark of the host is ignored",
        "hybrid/naming.py",
        "return replace(self, sequence=0) == replace(other, sequence=0)",
        "return self.vm_id == other.vm_id",
    ),
    Fault(
        "The mark of the local VM's beginning is ignored",
        "hybrid/naming.py",
        "return replace(self, sequence=0) == replace(other, sequence=0)",
        "return replace(self, sequence=0, stime=0) == replace(other, sequence=0, stime=0)",
    ),
    Fault(
        "No marks are read before an action",
        "driver/reach.py",
        "state, accepted = require_own(job, remote_id), None",
        "state, accepted = None, None",
    ),
    Fault(
        "No marks are read before a reboot",
        "driver/lifecycle.py",
        "    require_own(job, remote_id)\n    job.remote.cloud",
        "    job.remote.cloud",
    ),
    Fault(
        "A VM of another is acted on, whatever its marks say",
        "driver/ownership.py",
        "        raise not_ours_error(identity, marks)\n    remote.owner_cache",
        "        pass\n    remote.owner_cache",
    ),
    Fault(
        "What was known of a VM's owner outlives an outage",
        "driver/remotes.py",
        "                owner_cache.forget()\n",
        "                pass\n",
    ),
    Fault(
        "What was read of one VM's marks is taken for another's with its id",
        "driver/identities.py",
        "if known is not None and known.stime == row.stime:\n"
        "                    found[row.id] = known\n"
        "                elif",
        "if known is not None:\n                    found[row.id] = known\n                elif",
    ),
)

_OPERATIONS = (
    Fault(
        "SUCCESS is answered before the remote VM is there",
        "driver/reach.py",
        "            moved = True\n",
        '            return ""\n',
    ),
    Fault(
        "A VM that came back from the way counts as there",
        "driver/reach.py",
        "            error = verdicts.not_followed_error(remote_id, state, action)\n"
        "            raise _blame(job, error, remote_id, state)\n",
        '            return ""\n',
    ),
    Fault(
        "A VM that is too late counts as there",
        "driver/reach.py",
        "            raise verdicts.too_late_error(remote_id, state, action, limit)\n",
        '            return ""\n',
    ),
    Fault(
        "A VM on its way to be suspended counts as suspended",
        "hybrid/goals.py",
        'reached=_split("SUSPENDED"),',
        'reached=_split("SUSPENDED SAVE_SUSPEND"),',
    ),
    Fault(
        "A VM that a pool leaves out counts as gone",
        "driver/watch.py",
        "            vm = cloud.find_summary(missing)\n",
        "            vm = None\n",
    ),
    Fault(
        "A remote that does not answer ends a wait",
        "driver/watch.py",
        "return read if late or is_final(read) else None",
        "return read",
    ),
    Fault(
        "The thread of a remote's waits is not started again",
        "driver/watch.py",
        "                self._running = bool(self._waits)\n                if not self._running:",
        "                if not self._waits:",
    ),
    Fault(
        "CLEANUP leaves the VM of a DEPLOY whose answer was lost",
        "driver/lifecycle.py",
        "for vm in job.remote.vm_index.find_marked(job.marks, job.not_before):",
        "for vm in ():",
    ),
    Fault(
        "An election counts as a refusal",
        "opennebula/rpc.py",
        "            if words.match(cause):\n",
        "            if False:\n",
    ),
    Fault(
        "New credentials are not tried",
        "driver/attempts.py",
        "and remote is not None and not renewed:",
        "and remote is not None and renewed:",
    ),
    Fault(
        "A remote is not opened again for new credentials",
        "driver/remotes.py",
        "build_endpoints(one) == build_endpoints(other) and one.session == other.session",
        "build_endpoints(one) == build_endpoints(other)",
    ),
)

_PROCESS = (
    Fault(
        "A stale shared reading is used",
        "driver/single_flight.py",
        "max(not_before, now - self._max_age)",
        "now - self._max_age",
    ),
    Fault(
        "A task behind another of its VM uses a reading from before that one ended",
        "mad/runner.py",
        'task.not_before = float("inf")',
        "pass",
    ),
    Fault(
        "An action is answered twice",
        "mad/vmm.py",
        "                self._answer(action, task.request.vm.id, success=success, info=info)\n",
        "                self._answer(action, task.request.vm.id, success=success, info=info)\n"
        * 2,
    ),
    Fault(
        "An action that oned cancelled is answered",
        "mad/vmm.py",
        "            if not task.cancelled:\n",
        "            if True:\n",
    ),
    Fault(
        "A worker is not released",
        "mad/runner.py",
        "                self._queue.release(host)\n",
        "",
    ),
    Fault(
        "Two actions of one VM run at the same time",
        "mad/task_queue.py",
        "        if len(tasks) == 1:\n            self.resume(host, task)\n",
        "        self.resume(host, task)\n",
    ),
    Fault(
        "The thread of the pauses is not started again",
        "mad/timer.py",
        "            self._running = False\n            return None",
        "            return None",
    ),
    Fault(
        "A breaker that is open lets no call try",
        "opennebula/breaker.py",
        "            if now < self._open_until:\n                raise",
        "            if True:\n                raise",
    ),
    Fault(
        "A connection is not given back",
        "opennebula/client.py",
        "            self._free.release()\n",
        "            pass\n",
    ),
    Fault(
        "A call that changes something is sent again on a new connection",
        "opennebula/xmlrpc_transport.py",
        "            if not repeatable:\n                raise\n",
        "            pass\n",
    ),
    Fault(
        "A call without an answer counts as not sent",
        "opennebula/connection.py",
        'return Unreachable(f"no answer within {self._silence:g} s", sent=True)',
        'return Unreachable(f"no answer within {self._silence:g} s")',
    ),
)

_MONITORING = (
    Fault(
        "A remote that cannot be read puts its host into error at once",
        "hybrid/outage.py",
        "        if self.declared or self._failures < GRACE_ROUNDS or now - self._since < grace:\n",
        "        if self.declared:\n",
    ),
    Fault(
        "The grace of an outage is forgotten",
        "hybrid/outage.py",
        " or now - self._since < grace",
        "",
    ),
    Fault(
        "oned is answered an error at the first failure",
        "mad/pull.py",
        "if outage.record_failure(runtime.monotonic(), monitor.grace):",
        "if True:",
    ),
    Fault(
        "An outage is never told",
        "hybrid/outage.py",
        "        self.declared = True\n        return True\n",
        "        return False\n",
    ),
    Fault(
        "The end of an outage is not told at once",
        "mad/host_loop.py",
        "        if not (had_outage or had_missed):\n            return set()\n",
        "        return set()\n",
    ),
    Fault(
        "Another VM's state is reported",
        "driver/links.py",
        "if not (is_known or self._confirms(remote, vm_id, identity)):",
        "if not is_known and identity is None:",
    ),
    Fault(
        "A reading from before oned's last change is reported",
        "hybrid/mirror.py",
        "if local.since >= read_at or not _may_act",
        "if not _may_act",
    ),
    Fault(
        "A VM that the VMM driver works at is reported",
        "hybrid/mirror.py",
        "    if local.state != VmState.ACTIVE or not stuck:\n        return False\n",
        "    if local.state != VmState.ACTIVE:\n        return False\n",
    ),
    Fault(
        "The local VMs are not read again after the remote ones",
        "driver/monitor.py",
        "        remote_rows = self._read_remote_rows(remote, linked.values())\n"
        "        self._vms.read()\n",
        "        remote_rows = self._read_remote_rows(remote, linked.values())\n",
    ),
    Fault(
        "Up to 5.10 a VM that runs again stays suspended",
        "mad/pull.py",
        "for vm_id, line in resume_running(*monitor.clouds, last.reports):",
        "for vm_id, line in ():",
    ),
)

_REAPER = (
    Fault(
        "The reaper takes no second look",
        "driver/reaper.py",
        "spared = self._find_reason_to_spare(one, remote)",
        'spared = ""',
    ),
    Fault(
        "The reaper waits for no grace",
        "hybrid/orphans.py",
        "elif max(seen_for, ended_for) >= needed:",
        "elif needed >= 0:",
    ),
    Fault(
        "The reaper takes the VMs of all hosts for its own",
        "hybrid/marked_vms.py",
        "if one.marks and one.marks.hybrid_id == hybrid_id",
        "if one.marks",
    ),
    Fault(
        "The reaper takes a living VM for an orphan",
        "hybrid/orphans.py",
        "if named == marked.remote_id and not done and not was_recreated:",
        "if False:",
    ),
    Fault(
        "The reaper takes what a recreate left for the VM of another remote with the same id",
        "hybrid/orphans.py",
        "and not done and not was_recreated:",
        "and not done:",
    ),
    Fault(
        "The reaper destroys VMs that it did not name",
        "hybrid/orphans.py",
        "    orphans = [one for one in orphans if one.is_named]\n",
        "",
    ),
    Fault(
        "The reaper destroys any number at once",
        "hybrid/orphans.py",
        "len(doubtful) > MANY and",
        "False and",
    ),
    Fault(
        "The reaper never finds the VM of a local one that ended",
        "hybrid/orphans.py",
        '        return replace(orphan(Kind.ABANDONED, f"local VM {local.id} is DONE"), '
        "ended=local.etime)\n",
        "        return None\n",
    ),
)

FAULTS = (*_CREATION, *_OWNERSHIP, *_OPERATIONS, *_PROCESS, *_MONITORING, *_REAPER)
