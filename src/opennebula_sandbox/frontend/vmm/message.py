"""The messages of oned to a VMM driver: a line with an XML document about the VM.

Source: ``VirtualMachineManager::format_message``. The line comes from ``Mad`` (until 5.12) or
``Message.h`` (since 6.0; its empty status leaves two spaces).
"""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.wire.render import render_attribute
from opennebula_sandbox.frontend.home import Home
from opennebula_sandbox.frontend.release import Release

PUBLIC_CLOUD_DATASTORE = -1
DATASTORE = 100
"""The system datastore, with TM_MAD dummy, of hosts that are no public cloud."""
WITH_CONTEXT = ("DEPLOY", "RESTORE", "ATTACHNIC", "DETACHNIC", "UPDATECONF")
"""Actions for which oned writes the VM's context again."""
_DISK_COMMANDS = {"ATTACHDISK": "MKIMAGE", "DETACHDISK": "DELETE", "RESIZEDISK": "RESIZE"}
_DATASTORE = (
    "<DATASTORE><ID>{id}</ID><UID>0</UID><GID>0</GID><UNAME>oneadmin</UNAME>"
    "<GNAME>oneadmin</GNAME><NAME>sysdummy</NAME><PERMISSIONS><OWNER_U>1</OWNER_U>"
    "<OWNER_M>1</OWNER_M><OWNER_A>0</OWNER_A><GROUP_U>1</GROUP_U><GROUP_M>0</GROUP_M>"
    "<GROUP_A>0</GROUP_A><OTHER_U>0</OTHER_U><OTHER_M>0</OTHER_M><OTHER_A>0</OTHER_A>"
    "</PERMISSIONS><DS_MAD><![CDATA[-]]></DS_MAD><TM_MAD><![CDATA[dummy]]></TM_MAD>"
    "<BASE_PATH><![CDATA[{path}]]></BASE_PATH><TYPE>1</TYPE><DISK_TYPE>0</DISK_TYPE>"
    "<STATE>0</STATE><CLUSTERS><ID>0</ID></CLUSTERS><TOTAL_MB>4796800</TOTAL_MB>"
    "<FREE_MB>3333260</FREE_MB><USED_MB>1429920</USED_MB><IMAGES></IMAGES><TEMPLATE>"
    "<ALLOW_ORPHANS><![CDATA[NO]]></ALLOW_ORPHANS><DISK_TYPE><![CDATA[FILE]]></DISK_TYPE>"
    "<DS_LIVE_MIGRATE><![CDATA[YES]]></DS_LIVE_MIGRATE><DS_MIGRATE><![CDATA[YES]]></DS_MIGRATE>"
    "<DS_MIGRATE_SNAP><![CDATA[YES]]></DS_MIGRATE_SNAP>"
    "<PERSISTENT_SNAPSHOTS><![CDATA[YES]]></PERSISTENT_SNAPSHOTS>"
    "<RESTRICTED_DIRS><![CDATA[/]]></RESTRICTED_DIRS><SAFE_DIRS><![CDATA[/var/tmp]]></SAFE_DIRS>"
    "<SHARED><![CDATA[YES]]></SHARED><TM_MAD><![CDATA[dummy]]></TM_MAD>"
    "<TYPE><![CDATA[SYSTEM_DS]]></TYPE></TEMPLATE></DATASTORE>"
)


@dataclass(frozen=True)
class Transfer:
    """The commands of the transfer manager for an action."""

    command: str = ""
    rollback: str = ""
    disk: str = ""


def format_line(action: str, vm_id: int, payload: str, release: Release) -> str:
    """Return the line without its line end."""
    encoded = b64encode(payload.encode()).decode()
    if release.stream_driver:
        return f"{action}  {vm_id} {encoded}"
    return f"{action} {vm_id} {encoded}".rstrip()


def format_action_data(action: str, vm: Vm, xml: str, home: Home) -> str:
    """Return the document of *action* about *vm*; *xml* is the XML of the VM."""
    place, sequence = vm.history[-1], len(vm.history) - 1
    directory = home.vm_directory(place.datastore_id, vm.id)
    local = remote = checkpoint = ""
    host, migrate_to = place.host_name, ""
    if action == "DEPLOY":
        local = str(home.deployment_file(vm.id, sequence))
        remote = str(directory / f"deployment.{sequence}")
    elif action in ("SAVE", "RESTORE"):
        checkpoint = str(directory / "checkpoint")
    elif action == "MIGRATE":
        host, migrate_to = vm.history[-2].host_name, place.host_name
    transfer = _plan_transfer(action, vm, home, directory)
    fields = [
        ("HOST", host),
        ("MIGR_HOST", migrate_to),
        ("DEPLOY_ID", "" if action == "DEPLOY" else vm.deploy_id),
        ("LOCAL_DEPLOYMENT_FILE", local),
        ("REMOTE_DEPLOYMENT_FILE", remote),
        ("CHECKPOINT_FILE", checkpoint),
    ]
    parts = [_render_element(name, text) for name, text in fields]
    parts.append(_render_command("TM_COMMAND", transfer.command))
    parts.append(_render_command("TM_COMMAND_ROLLBACK", transfer.rollback))
    parts.append(_render_element("DISK_TARGET_PATH", transfer.disk))
    parts.append(xml)
    if place.datastore_id != PUBLIC_CLOUD_DATASTORE:
        base = home.var / "datastores" / str(DATASTORE)
        parts.append(_DATASTORE.format(id=DATASTORE, path=base))
    return f"<VMM_DRIVER_ACTION_DATA>{''.join(parts)}</VMM_DRIVER_ACTION_DATA>"


def _plan_transfer(action: str, vm: Vm, home: Home, directory: Path) -> Transfer:
    store, tm_mad = vm.history[-1].datastore_id, vm.history[-1].tm_mad
    if action in _DISK_COMMANDS:
        return _plan_disk_transfer(action, vm, directory)
    context = vm.template.vector("CONTEXT")
    if store == PUBLIC_CLOUD_DATASTORE:
        return Transfer()
    if action in WITH_CONTEXT and context:
        disk = f"{directory}/disk.{context['DISK_ID']}"
        source = home.var / "vms" / str(vm.id) / "context.sh"
        where = f"{vm.history[-1].host_name}:{disk}"
        return Transfer(f"CONTEXT {tm_mad} {source} {where} {vm.id} {store}\n", disk=disk)
    if action == "CLEANUP":
        return Transfer(f"DELETE {tm_mad} {vm.history[-1].host_name}:{directory} {vm.id} {store}\n")
    return Transfer()


def _plan_disk_transfer(action: str, vm: Vm, directory: Path) -> Transfer:
    """Return the commands for the flagged disk; without a datastore its TM_MAD is empty."""
    store, tm_mad = vm.history[-1].datastore_id, vm.history[-1].tm_mad
    disks = vm.template.vectors("DISK")
    disk = next(disk for disk in disks if {"ATTACH", "RESIZE"} & disk.keys())
    path = f"{directory}/disk.{disk['DISK_ID']}"
    where = f"{vm.history[-1].host_name}:{path} {vm.id} {store}\n"
    size = f"{disk.get('SIZE', '')} {disk.get('FORMAT', 'raw')} "
    what = "" if action == "DETACHDISK" else size
    rollback = f"DELETE.{tm_mad} {tm_mad} {where}" if action == "ATTACHDISK" and tm_mad else ""
    return Transfer(f"{_DISK_COMMANDS[action]} {tm_mad} {what}{where}", rollback, path)


def _render_element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>"


def _render_command(name: str, text: str) -> str:
    return render_attribute(name, text) if text else f"<{name}/>"
