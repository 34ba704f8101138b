"""The documents of monitord for an IM driver: the host, and the configuration of monitord.

Source: ``MonitorDriver.h``, ``HostBase.cc`` and ``monitord.conf`` of 6.10 and 7.2.
"""

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.cloud.wire.render import render_attribute, render_attributes
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from opennebula_sandbox.frontend.release import Release

_EXPIRATION_SECONDS = "43200"


def format_driver_action(host: Host, configuration: str) -> str:
    """Return the document of START_MONITOR and STOP_MONITOR."""
    return (
        f"<MONITOR_DRIVER_ACTION><HOST><ID>{host.id}</ID><NAME>{host.name}</NAME>"
        f"<STATE>{host.state:d}</STATE><PREV_STATE>{host.state:d}</PREV_STATE>"
        f"{render_attribute('IM_MAD', host.im_mad)}{render_attribute('VM_MAD', host.vm_mad)}"
        f"<CLUSTER_ID>{host.cluster_id}</CLUSTER_ID><CLUSTER>{host.cluster}</CLUSTER></HOST>"
        f"{configuration}</MONITOR_DRIVER_ACTION>"
    )


def format_configuration(
    release: Release, settings: MonitoringSettings, *, datastores: str, port: int, public_key: str
) -> str:
    """Return MONITOR_CONFIGURATION; *public_key* is PEM or empty."""
    template = build_configuration(
        release, settings, datastores=datastores, port=port, public_key=public_key
    )
    return f"<MONITOR_CONFIGURATION>{render_attributes(template)}</MONITOR_CONFIGURATION>"


def build_configuration(
    release: Release, settings: MonitoringSettings, *, datastores: str, port: int, public_key: str
) -> Template:
    """Return the configuration as a template; in a file, *public_key* is a path."""
    periods = {
        "BEACON_HOST": settings.beacon_host,
        "MONITOR_HOST": settings.monitor_host,
        "MONITOR_VM": settings.monitor_vm,
        "STATE_VM": settings.state_vm,
        "SYNC_STATE_VM": settings.sync_state_vm,
        "SYSTEM_HOST": settings.system_host,
    }
    if release.version >= (7, 2):
        periods["EXEC_VM"] = settings.state_vm
    network: Vector = {
        "ADDRESS": "127.0.0.1",
        "MONITOR_ADDRESS": "auto",
        "PORT": str(port),
        "PRIKEY": "",
        "PUBKEY": public_key,
        "THREADS": "8",
    }
    return Template(
        [
            ("DATASTORE_LOCATION", datastores),
            ("DB", {"CONNECTIONS": "15"}),
            ("HOST_MONITORING_EXPIRATION_TIME", _EXPIRATION_SECONDS),
            ("LOG", {"DEBUG_LEVEL": "3", "SYSTEM": "FILE"}),
            ("MANAGER_TIMER", str(settings.timer)),
            ("MONITORING_INTERVAL_HOST", str(settings.interval)),
            ("NETWORK", network),
            ("PROBES_PERIOD", {name: str(period) for name, period in periods.items()}),
            ("VM_MONITORING_EXPIRATION_TIME", _EXPIRATION_SECONDS),
        ]
    )
