"""A front-end that means well, for drivers whose remote does not.

A front-end's hosts stand for one remote, but for 900 to 999, which stand for another, which means
well. For every second host the remote answers wrongly seldom. Host *n* has the VMs *n*7 and *n*8,
which run. What a user may write is odd.
"""

import re
from collections.abc import Sequence

from tests.hostile import documents
from tests.hostile.chance import Chance
from tests.hostile.documents import BIRTH
from tests.hostile.markup import Tree, leaves, node

PASSWORD = "Geheim-Wort-4711"
"""The remote's, which must come to light nowhere."""
_SETTINGS = {"ONE_TIMEOUT": 5, "ONE_SHUTDOWN_TIMEOUT": 1, "ONE_OUTAGE_GRACE": 1} | {
    "ONE_PASS_THROUGH": "SNAPSHOT, RESIZE, UPDATECONF, DISK, NIC"
}
_STORABLE = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd]|]]>")
_RUNNING = (7, 8)
_WELL = range(900, 1000)
SPARED = 5_000_000
"""What is asked about VMs from here on, every remote answers as it should."""


def answer(chance: Chance, method: str, ids: Sequence[int], remote: str) -> Tree | str | int:
    """Return what the front-end answers whose hosts stand for *remote*."""
    if method == "one.host.info":
        return _host(chance, ids[0], remote)
    if method == "one.hostpool.info":
        return node("HOST_POOL", [_host(chance, host_id, remote) for host_id in (0, 1, 900)])
    if method == "one.vm.info":
        return local_vm(chance, ids[0])
    if method.startswith("one.vmpool."):
        shown = [vm_id for vm_id in ids if vm_id % 10 in _RUNNING] or [*_RUNNING, 17, 9007]
        return node("VM_POOL", [local_vm(chance, vm_id) for vm_id in shown])
    if method == "one.zone.raftstatus":
        return node("RAFT", leaves(SERVER_ID=-1, STATE=0, TERM=-1, VOTEDFOR=-1, COMMIT=-1))
    return documents.answer(chance, method, ids)


def _host(chance: Chance, host_id: int, remote: str) -> Tree:
    endpoint = remote
    if host_id in _WELL:
        endpoint = re.sub("(//[^/]*)/.*", r"\1/well", remote)
    elif host_id % 2:
        endpoint = remote.replace("/odd/", "/seldom/")
    settings = _SETTINGS | {"ONE_ENDPOINT": endpoint, "ONE_PASSWORD": PASSWORD}
    return documents.host(chance, host_id, **settings)


def remote_answer(chance: Chance, method: str, ids: Sequence[int], record: int) -> Tree | str | int:
    """Return what a remote answers that has the VMs which it is asked for, and they run.

    *record* is higher for each call: monitoring that is no newer is not passed on.
    """
    if method == "one.vmpool.monitoring":
        return documents.monitoring(chance, BIRTH + record)
    if method == "one.vm.info":
        return documents.running_vm(ids[0])
    if method == "one.vmpool.infoset":
        return node("VM_POOL", [documents.running_vm(vm_id) for vm_id in ids])
    if method.startswith("one.vmpool.info"):
        return "VM_POOL", []
    return documents.answer(chance, method, ids)


def local_vm(chance: Chance, vm_id: int, lcm_state: int = 3) -> Tree:
    """Return a VM of the front-end, on the host that its number tells."""
    host_id = vm_id // 10
    context = leaves(NETWORK="YES", START_SCRIPT=_user_text(chance), USER_INPUT=_user_text(chance))
    stay = leaves(OID=vm_id, SEQ=0, HOSTNAME=f"burst{host_id}", HID=host_id, CID=0)
    cloud = node("PUBLIC_CLOUD", leaves(TYPE="opennebula", TEMPLATE_ID=0))
    return node(
        "VM",
        leaves(ID=vm_id, UID=0, GID=0, UNAME="oneadmin", NAME=f"vm {_user_text(chance)}", STATE=3),
        leaves(LCM_STATE=lcm_state, STIME=BIRTH, ETIME=0, DEPLOY_ID=f"opennebula-hybrid-{vm_id}"),
        node(
            *("TEMPLATE", leaves(CPU=1, MEMORY=128, CREATED_BY=0), _list_changes(chance)),
            node("CONTEXT", context),
        ),
        node("USER_TEMPLATE", leaves(DESCRIPTION=_user_text(chance)), cloud),
        node("HISTORY_RECORDS", node("HISTORY", stay)),
    )


def _list_changes(chance: Chance) -> list[Tree]:
    """Return what oned asks to change, each marked as the one that it asks for."""
    image = leaves(IMAGE_ID=3) if chance.hit(0.5) else leaves(TYPE="fs", FORMAT="raw")
    lease = leaves(NETWORK_ID=3, IP="192.168.150.77")
    name = _user_text(chance)
    return [
        node("DISK", leaves(DISK_ID=2, SIZE=512, ATTACH="YES"), image),
        node("NIC", leaves(NIC_ID=1, ATTACH="YES"), lease),
        node("SNAPSHOT", leaves(SNAPSHOT_ID=0, NAME=name, TIME=BIRTH, ACTIVE="YES")),
        node("RESIZE", leaves(CPU=2, MEMORY=256)),
    ]


def _user_text(chance: Chance) -> str:
    """Return what a user may have written, and oned keeps."""
    return _STORABLE.sub("", chance.text())
