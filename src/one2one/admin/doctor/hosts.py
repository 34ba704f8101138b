"""Checks of a hybrid host in the local cloud."""

import time

from one2one.admin.doctor.facts import FrontEnd, HybridHost
from one2one.admin.doctor.finding import Finding, failure, join_some, ok, skip, warning
from one2one.admin.hosts import format_state
from one2one.admin.units import format_duration, format_size
from one2one.hybrid.naming import DRIVER, HYBRID_ID
from one2one.opennebula.administration import get_cluster, list_datastores
from one2one.opennebula.errors import ConfigurationError
from one2one.opennebula.ids import read_id
from one2one.opennebula.states import HostState
from one2one.opennebula.xml import read_text


def check_any_host(front_end: FrontEnd) -> Finding:
    """Check that there is a hybrid host."""
    if front_end.hosts:
        return ok(join_some([host.name for host in front_end.hosts]))
    return warning("there is none", "Create one with: one2one host create")


def check_hybrid_ids(front_end: FrontEnd) -> Finding:
    """Check that no two hosts claim the same remote VMs."""
    known: dict[str, list[str]] = {}
    for host in front_end.hosts:
        if hybrid_id := host.template.text(HYBRID_ID):
            known.setdefault(hybrid_id, []).append(host.name)
    shared = [join_some(names) for names in known.values() if len(names) > 1]
    if shared:
        return failure(
            f"the same {HYBRID_ID}: {join_some(shared)}",
            f"Delete {HYBRID_ID} from the copies with: onehost update",
        )
    return ok("each host has its own, or none yet")


def check_driver_names(host: HybridHost) -> Finding:
    """Check that the host is monitored by the same drivers that run its VMs."""
    if host.host.im_mad == DRIVER:
        return ok(f"{DRIVER} for VMs and monitoring")
    return failure(
        f"its IM_MAD is {host.host.im_mad}",
        f"Create it again: onehost create -i {DRIVER} -v {DRIVER}, or one2one host create",
    )


def check_state(host: HybridHost) -> Finding:
    """Check that oned uses the host."""
    state = format_state(host.host)
    if state == "err":
        error = host.host.template.text("ERROR") or "no reason is given"
        return failure(f"in error: {error}", "Solve what it says; it recovers by itself")
    if state in ("off", "dsbl"):
        return warning(f"it is {state}", f"Use it again: onehost enable {host.host.name}")
    return ok(state)


def check_last_report(host: HybridHost) -> Finding:
    """Check that the drivers' reports arrive: oned has kept one of the last two periods."""
    if host.host.state == HostState.OFFLINE:
        return skip("a host that is off line is not monitored")
    if not host.front_end.leads:
        return skip("another server of the zone leads: ask there")
    if not host.front_end.report_period:
        return skip("oned keeps none: HOST_MONITORING_EXPIRATION_TIME is 0")
    if not host.last_report:
        return warning("there was none yet", "Wait a minute; then look into monitor.log")
    age, limit = int(time.time()) - host.last_report, 2 * host.front_end.report_period
    if age > limit:
        return failure(
            f"the last was {format_duration(age)} ago: states and usage are not those of now",
            "Look into monitor.log (oned.log up to 5.10); restart OpenNebula",
        )
    if age < -limit:
        return warning("its time is in the future", "The clock was set back: wait, then try again")
    return ok(f"{format_duration(max(0, age))} ago")


def check_settings(host: HybridHost) -> Finding:
    """Check that its attributes are complete and right."""
    try:
        return ok(f"{host.settings.user} at {host.settings.endpoint}")
    except ConfigurationError as error:
        return failure(error.cause, error.remedy)


def check_password(host: HybridHost) -> Finding:
    """Check that oned keeps the password encrypted."""
    kept = host.front_end.local.cloud.get_host(host.host.id).template.text("ONE_PASSWORD")
    if kept != host.settings.password:
        return ok("encrypted")
    return failure(
        "oned keeps it in clear text",
        f"one2one install, restart OpenNebula, then write it again: onehost update "
        f"{host.host.name}",
    )


def check_capacity(host: HybridHost) -> Finding:
    """Check that the host has a capacity."""
    share = host.host.share
    if not share.cpu or not share.memory:
        return warning(
            "no CPU or no memory, so the scheduler does not use the host",
            "See quotas below; this is normal before the first monitoring",
        )
    cpu, memory = (
        f"{share.used_cpu}/{share.cpu}",
        f"{format_size(share.used_memory)}/{format_size(share.memory)}",
    )
    return ok(f"CPU {cpu}, memory {memory} given away")


def check_cluster(host: HybridHost) -> Finding:
    """Check on 7.x that the host's cluster has one system datastore, with TM_MAD dummy."""
    if host.front_end.local.get_version() < (7,):
        return skip("only 7.x needs one")
    remedy = "See docs/installation.md, OpenNebula 7"
    number = host.host.cluster_id
    cloud = host.front_end.local.cloud
    cluster = get_cluster(cloud, number)
    name = read_text(cluster, "NAME")
    hybrid_ids = {known.id for known in host.front_end.hosts}
    others = [e.text for e in cluster.iterfind("HOSTS/ID") if read_id(e.text) not in hybrid_ids]
    if others:
        return warning(f"cluster {name} has other hosts too: VMs may get mixed up", remedy)
    members = {e.text for e in cluster.iterfind("DATASTORES/ID")}
    drivers = [
        read_text(datastore, "TM_MAD")
        for datastore in list_datastores(cloud).iterfind("DATASTORE")
        if read_text(datastore, "ID") in members and read_text(datastore, "TYPE") == "1"
    ]
    if drivers != ["dummy"]:
        return failure(
            f"the system datastores of cluster {name} are: {join_some(drivers) or 'none'};"
            " it needs one, with TM_MAD dummy",
            remedy,
        )
    return ok(f"cluster {name}")
