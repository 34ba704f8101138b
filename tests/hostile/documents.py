"""OpenNebula's documents, from its XML schemas and the reference of its API alone.

As a cloud makes them that means well; ``markup.spoil`` makes others of them.
"""

from collections.abc import Callable, Sequence
from functools import partial

from tests.hostile.chance import Chance, words
from tests.hostile.markup import Tree, leaves, node

HYBRID_ID = "0b8f5a6e-6a34-4d0f-9c5e-2f7f6f0f5b11"
"""That of every local host."""
BIRTH = 1_700_000_000
"""STIME of every VM."""

_USUAL = ((3, 3), (8, 0), (5, 0), (4, 0), (9, 0), (6, 0), (1, 0), (2, 0), (3, 18), (3, 36), (3, 16))
_ACTIVE = tuple((3, lcm_state) for lcm_state in range(73))
_QUOTAS = words("VMS CPU MEMORY SYSTEM_DISK_SIZE RUNNING_VMS RUNNING_CPU RUNNING_MEMORY")


def vm(chance: Chance, vm_id: int) -> Tree:
    """Return a VM in any state, which carries the marks of a local one perhaps."""
    local = chance.choice((vm_id, vm_id, 7, 8))
    marks = [mark for mark in _marks(local, chance.randint(0, 2)) if not chance.hit(0.05)]
    return _vm(
        vm_id,
        chance.choice(_USUAL if chance.hit(0.9) else _ACTIVE),
        chance.choice((f"remote-opennebula-{local}", "web", f"one-{vm_id}")),
        [*marks, ("ERROR", chance.text())],
        [record(chance, vm_id)],
        [_stay(chance, number) for number in range(chance.randint(0, 2))],
        [part for part in _list_passed_parts(local) if chance.hit(0.5)],
    )


def running_vm(vm_id: int) -> Tree:
    """Return a VM that runs, of the local VM with the same id."""
    return _vm(vm_id, (3, 3), f"remote-opennebula-{vm_id}", _marks(vm_id, 0), [], [])


def _vm(
    vm_id: int,
    state: tuple[int, int],
    name: str,
    attributes: list[Tree],
    monitoring: list[Tree],
    history: list[Tree],
    passed: Sequence[Tree] = (),
) -> Tree:
    return node(
        "VM",
        leaves(ID=vm_id, UID=2, GID=100, UNAME="burst", GNAME="users", NAME=name),
        node("PERMISSIONS", leaves(OWNER_U=1, OWNER_M=1)),
        leaves(LAST_POLL=BIRTH + 60, STATE=state[0], LCM_STATE=state[1], RESCHED=0, STIME=BIRTH),
        leaves(ETIME=0 if state[0] != 6 else BIRTH + 60, DEPLOY_ID="one-1"),
        monitoring,
        node("TEMPLATE", *_devices(vm_id), *passed),
        node("USER_TEMPLATE", attributes),
        node("HISTORY_RECORDS", history),
    )


def _marks(local: int, stay: int) -> list[Tree]:
    return leaves(
        REMOTE_OPENNEBULA="YES",
        REMOTE_OPENNEBULA_VM_ID=local,
        ONE_HYBRID_ID=HYBRID_ID,
        ONE_HYBRID_STAY=f"{BIRTH}.{stay}",
    )


def _devices(vm_id: int) -> Sequence[Tree | list[Tree]]:
    return (
        leaves(CPU="0.5", VCPU=1, MEMORY=512, TEMPLATE_ID=0, VMID=vm_id),
        node("DISK", leaves(DISK_ID=0, IMAGE="alpine", SIZE=256)),
        node("NIC", leaves(NIC_ID=0, IP="192.168.150.10", IP6_LINK="fe80::1")),
        node("NIC_ALIAS", leaves(NIC_ID=1, IP="192.168.150.11")),
        node("CONTEXT", leaves(DISK_ID=1, NETWORK="YES", VMID="$VMID", TOKEN="YES")),
    )


def _list_passed_parts(local: int) -> list[Tree]:
    """Return what a local VM was given while it ran: it carries marks of its own."""
    tag, name = f"{local}.{BIRTH}", f"before the upgrade [one2one {local}.0.{BIRTH}]"
    return [
        node("DISK", leaves(DISK_ID=5, SIZE=256, ONE_LOCAL_DISK=f"{tag}.2.0")),
        node("NIC", leaves(NIC_ID=5, ONE_LOCAL_NIC=f"{tag}.1.0")),
        node("SNAPSHOT", leaves(SNAPSHOT_ID=3, NAME=name, TIME=BIRTH + 9)),
    ]


def _stay(chance: Chance, number: int) -> Tree:
    return node("HISTORY", leaves(OID=1, SEQ=number, HOSTNAME="hv1", HID=chance.choice((0, 1))))


def monitoring(chance: Chance, moment: int | None = None) -> Tree:
    """Return a record of each VM, of any moment where none is told."""
    return node("MONITORING_DATA", [record(chance, vm_id, moment) for vm_id in (7, 8, 9007, 9008)])


def record(chance: Chance, vm_id: int, moment: int | None = None) -> Tree:
    """Return a monitoring record of a VM, of any moment where none is told."""
    used = leaves(CPU=round(chance.uniform(0, 100), 2), MEMORY=chance.randrange(10**6))
    traffic = leaves(NETRX=chance.randrange(10**9), DISKRDBYTES=chance.randrange(10**9))
    if moment is None:
        moment = BIRTH + chance.randrange(10**6)
    return node("MONITORING", leaves(TIMESTAMP=moment, ID=vm_id), used, traffic)


def template(_chance: Chance, template_id: int) -> Tree:
    """Return a VM template."""
    context = node("CONTEXT", leaves(NETWORK="YES", SSH_PUBLIC_KEY="$USER[SSH_PUBLIC_KEY]"))
    inputs = node("USER_INPUTS", leaves(SIZE="M|number|how many||3"))
    content = node("TEMPLATE", leaves(CPU=1, MEMORY=128), context, inputs)
    return node("VMTEMPLATE", leaves(ID=template_id, UID=2, UNAME="burst", NAME="web"), content)


def image(_chance: Chance, image_id: int) -> Tree:
    """Return an image, which stands for a remote one."""
    content = node("TEMPLATE", leaves(ONE_REMOTE_IMAGE=3, DEV_PREFIX="vd"))
    return node("IMAGE", leaves(ID=image_id, UID=2, NAME="alpine", SIZE=256, STATE=1), content)


def network(_chance: Chance, network_id: int) -> Tree:
    """Return a virtual network, which stands for a remote one."""
    mapped = node("ONE_REMOTE_NETWORK", leaves(HOST="burst0", ID=3))
    lease = node("AR", leaves(AR_ID=0, TYPE="IP4", IP="192.168.150.10", SIZE=100))
    content = node("TEMPLATE", mapped, leaves(ONE_REMOTE_NETWORK=3))
    return node("VNET", leaves(ID=network_id, UID=2, NAME="net"), node("AR_POOL", lease), content)


def host(_chance: Chance, host_id: int, **attributes: object) -> Tree:
    """Return a hybrid host of the local cloud, with two VMs."""
    share = node("HOST_SHARE", leaves(MAX_CPU=400, MAX_MEM=8 << 20, CPU_USAGE=50, MEM_USAGE=99))
    names = leaves(NAME=f"burst{host_id}", STATE=2, IM_MAD="one", VM_MAD="one", CLUSTER_ID=0)
    vms = node("VMS", leaves(ID=10 * host_id + 7), leaves(ID=10 * host_id + 8))
    named = leaves(ONE_USER="burst", ONE_HYBRID_ID=HYBRID_ID, **attributes)
    return node("HOST", leaves(ID=host_id), names, share, vms, node("TEMPLATE", named))


def _owner(tag: str, chance: Chance, number: int) -> Tree:
    """Return a user or a group with quotas."""
    limits = {name: chance.choice((-1, -2, 10, 100, 32768)) for name in _QUOTAS}
    used = {f"{name}_USED": chance.choice((0, 3, -4, 0.5, 2048)) for name in _QUOTAS}
    quota = node("VM_QUOTA", node("VM", leaves(**limits, **used)))
    default = node("VM_QUOTA", node("VM", leaves(VMS=50, CPU=-2)))
    return node(tag, leaves(ID=number, NAME="burst"), quota, node(f"DEFAULT_{tag}_QUOTAS", default))


Maker = Callable[[Chance, int], Tree]
_USER, _GROUP = partial(_owner, "USER"), partial(_owner, "GROUP")
_OBJECTS: dict[str, Maker] = {
    "vm": vm,
    "template": template,
    "host": host,
    "group": _GROUP,
    "image": image,
    "vn": network,
}
_POOLS: dict[str, tuple[str, Maker]] = {
    "vmpool": ("VM_POOL", vm),
    "templatepool": ("VMTEMPLATE_POOL", template),
    "hostpool": ("HOST_POOL", host),
    "acl": ("ACL_POOL", _USER),
    "datastorepool": ("DATASTORE_POOL", host),
}
_NUMBERED = words(
    "action instantiate allocate update delete status attach detach attachnic detachnic diskresize "
    "resize updateconf snapshotcreate snapshotrevert snapshotdelete"
)
"""Calls that answer with an id."""


def answer(chance: Chance, method: str, ids: Sequence[int]) -> Tree | str | int:
    """Return what *method*, asked for these *ids*, answers: a document, a text or an id."""
    thing, _, verb = method.removeprefix("one.").partition(".")
    wanted = [number for number in ids if number >= 0] or [7, 8, 1000]
    if verb == "version":
        return "6.10.0"
    if verb in _NUMBERED:
        return chance.choice(wanted)
    if verb == "monitoring":
        return monitoring(chance)
    if thing in _POOLS:
        tag, make = _POOLS[thing]
        rows = wanted * chance.choice((1, 1, 1, 1, 1, 1, 1, 1, 30))
        return node(tag, [make(chance, number) for number in rows])
    return _OBJECTS.get(thing, _USER)(chance, wanted[0])
