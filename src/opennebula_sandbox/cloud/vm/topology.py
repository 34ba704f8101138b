"""Builds TOPOLOGY and NUMA_NODE of a new VM, as OpenNebula 6.10 does.

Source: ``VirtualMachine::parse_topology``. 5.10 completes nothing where no virtual CPU is pinned,
and 7.2 knows distances between nodes.
"""

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.refusal import not_allocated_error

_PINNED = ("CORE", "THREAD", "SHARED")


def build_topology(wanted: Template) -> Template:
    """Return *wanted* with its topology completed, and CPU as VCPU where virtual CPUs are pinned.

    Raises Refusal where the topology does not fit VCPU and MEMORY.
    """
    topology, nodes = wanted.vector("TOPOLOGY"), wanted.vectors("NUMA_NODE")
    if not topology and not nodes:
        return wanted
    is_pinned = topology.get("PIN_POLICY", "").upper() in _PINNED
    if is_pinned and _read(topology, "NODE_AFFINITY", -1) != -1:
        raise not_allocated_error("NUMA node affinity cannot be set for pinned VMs")
    memory, vcpu = _read_sizes(wanted)
    wanted = merge(wanted, Template([("VCPU", str(vcpu))]))
    if _read(dict(_plain(wanted)), "VCPU_MAX", -1) != -1:
        raise not_allocated_error("VM with TOPOLOGY does not support CPU hotplug (VCPU_MAX)")
    if not is_pinned:
        topology = _complete(topology, vcpu)
        has_node = {"NODE_AFFINITY", "HUGEPAGE_SIZE"} & topology.keys()
        new = [_build_node(vcpu, memory)] if has_node else []
    else:
        wanted = merge(wanted, Template([("CPU", str(vcpu))]))
        topology = _pin(topology, vcpu, len(nodes))
        new = _split(topology, vcpu, memory) if not nodes else _check_nodes(nodes, vcpu, memory)
    rest = remove(wanted, "TOPOLOGY", "NUMA_NODE")
    return Template([*rest, ("TOPOLOGY", topology), *(("NUMA_NODE", node) for node in new)])


def _read_sizes(wanted: Template) -> tuple[int, int]:
    sizes = dict(_plain(wanted))
    if "MEMORY" not in sizes:
        raise not_allocated_error("VM has not MEMORY set")
    return _read(sizes, "MEMORY", 0), _read(sizes, "VCPU", 1)


def _plain(template: Template) -> list[tuple[str, str]]:
    return [(name, value) for name, value in template if isinstance(value, str)]


def _read(vector: Vector, name: str, default: int) -> int:
    text = vector.get(name, "")
    return int(text) if text.isdecimal() else default


def _read_counts(topology: Vector) -> tuple[int, int, int]:
    sockets, cores, threads = (_read(topology, n, 0) for n in ("SOCKETS", "CORES", "THREADS"))
    return sockets, cores, threads


def _complete(topology: Vector, vcpu: int) -> Vector:
    sockets, cores, threads = _read_counts(topology)
    if not any((sockets, cores, threads)):
        topology = topology | {"SOCKETS": "1", "CORES": str(vcpu), "THREADS": "1"}
    elif not all((sockets, cores, threads)):
        raise not_allocated_error(
            "Non-pinned VMs with a virtual topology needs to set  SOCKETS, CORES and THREADS "
            "numbers."
        )
    elif sockets * cores * threads != vcpu:
        raise not_allocated_error("Total threads per core and socket needs to match VCPU")
    return topology | {"PIN_POLICY": "NONE"}


def _pin(topology: Vector, vcpu: int, nodes: int) -> Vector:
    sockets, cores, threads = _read_counts(topology)
    sockets = sockets or nodes or 1
    if cores and threads and sockets * cores * threads != vcpu:
        raise not_allocated_error("Total threads per core and socket needs to match VCPU")
    if cores and not threads:
        if vcpu % (cores * sockets):
            raise not_allocated_error("VCPU is not multiple of the total number of cores")
        threads = vcpu // (cores * sockets)
        if threads & (threads - 1):
            raise not_allocated_error("Computed number of threads is not power of 2")
        topology = topology | {"THREADS": str(threads)}
    return topology | {"SOCKETS": str(sockets)}


def _split(topology: Vector, vcpu: int, memory: int) -> list[Vector]:
    sockets = int(topology["SOCKETS"])
    for name, amount in (("VCPU", vcpu), ("MEMORY", memory)):
        if amount % sockets:
            raise not_allocated_error(f"{name} is not multiple of the number of NUMA nodes")
    return [_build_node(vcpu // sockets, memory // sockets)] * sockets


def _check_nodes(nodes: list[Vector], vcpu: int, memory: int) -> list[Vector]:
    sizes = [(_read(node, "TOTAL_CPUS", 0), _read(node, "MEMORY", 0)) for node in nodes]
    if not all(cpus for cpus, _ in sizes):
        raise not_allocated_error("A NUMA_NODE must have TOTAL_CPUS greater than 0")
    if not all(size for _, size in sizes):
        raise not_allocated_error(" A NUMA_NODE must have MEMORY greater than 0")
    if sum(cpus for cpus, _ in sizes) != vcpu:
        raise not_allocated_error("Total CPUS of NUMA nodes is different from VM VCPU")
    if sum(size for _, size in sizes) != memory:
        raise not_allocated_error("Total MEMORY of NUMA nodes is different from VM MEMORY")
    return [_build_node(*size) for size in sizes]


def _build_node(cpus: int, memory: int) -> Vector:
    return {"MEMORY": str(1024 * memory), "TOTAL_CPUS": str(cpus)}
