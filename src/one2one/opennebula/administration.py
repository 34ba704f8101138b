"""Calls that set up hosts and templates, and examine a cloud: commands do them, drivers never.

Source of order and meaning: ``src/rm/*.cc``. Every function raises the errors of
``opennebula.errors``.
"""

from collections.abc import Callable
from enum import IntEnum

from one2one.opennebula.accounting import AccountingRecord, CostRecord, Month
from one2one.opennebula.cloud import Cloud, Update
from one2one.opennebula.errors import NotAuthorized, Refused
from one2one.opennebula.objects import call_for_id, fetch, keep_element
from one2one.opennebula.pools import OWN
from one2one.opennebula.xml import Element, parse_pieces, read_integer


class HostStatus(IntEnum):
    """The status that ``one.host.status`` gives to a host."""

    ENABLED = 0
    DISABLED = 1
    OFFLINE = 2


def create_host(cloud: Cloud, name: str, im_mad: str, vm_mad: str, cluster_id: int = -1) -> int:
    """Create a host and return its id; -1 is the default cluster."""
    return call_for_id(cloud.client, "one.host.allocate", name, im_mad, vm_mad, cluster_id)


def delete_host(cloud: Cloud, host_id: int) -> None:
    """Delete a host; refused while it has VMs."""
    cloud.client.call("one.host.delete", host_id)


def set_host_status(cloud: Cloud, host_id: int, status: HostStatus) -> None:
    """Enable or disable a host, or take it off line; enabling an off-line one monitors it."""
    cloud.client.call("one.host.status", host_id, int(status))


def get_last_report_time(cloud: Cloud, host_id: int) -> int:
    """Return when the newest report of a host arrived, in 5.4 to 5.10; 0 for never.

    It reads the reports that oned keeps. LAST_MON_TIME of the host itself is the time at which
    such an oned asked for a report.
    """

    def read_time(record: Element) -> int:
        return read_integer(record, "LAST_MON_TIME", 0)

    reports = cloud.pools.read(read_time, "one.host.monitoring", host_id, tag="HOST")
    return max(reports, default=0)


def create_template(cloud: Cloud, template: str) -> int:
    """Create a VM template, with its NAME in it, and return its id."""
    return call_for_id(cloud.client, "one.template.allocate", template)


def may_create_templates(cloud: Cloud) -> bool:
    """Tell whether the calling user has the right to create VM templates; creates none.

    oned refuses a template without a name, but checks the right first. Measured on 5.10, 6.10 and
    7.2.
    """
    try:
        create_template(cloud, "")
    except NotAuthorized:
        return False
    except Refused:
        pass
    return True


def update_template(cloud: Cloud, template_id: int, template: str, mode: Update) -> None:
    """Change the attributes of a VM template."""
    cloud.client.call("one.template.update", template_id, template, int(mode))


def delete_template(cloud: Cloud, template_id: int) -> None:
    """Delete a VM template; VMs made from it are not affected."""
    cloud.client.call("one.template.delete", template_id)


def get_cluster(cloud: Cloud, cluster_id: int) -> Element:
    """Return a cluster with the ids of its hosts and datastores."""
    return fetch(cloud.client, keep_element, "CLUSTER", "one.cluster.info", cluster_id)


def list_datastores(cloud: Cloud) -> Element:
    """Return every datastore that the calling user may see."""
    return cloud.client.read(parse_pieces, "one.datastorepool.info")


def list_access_rules(cloud: Cloud) -> Element:
    """Return every access control rule, which only administrators may read by default."""
    return cloud.client.read(parse_pieces, "one.acl.info")


def read_accounting(
    cloud: Cloud,
    use: Callable[[AccountingRecord], object],
    start: int,
    end: int,
    whose: int = OWN,
) -> None:
    """Have *use* take each history record that overlaps the time from *start* to *end*.

    Both are in seconds since 1970. The records come in one answer; none of them is kept.
    """

    def read(element: Element) -> None:
        use(AccountingRecord.read(element))

    cloud.pools.read(read, "one.vmpool.accounting", whose, start, end, tag="HISTORY")


def list_costs(cloud: Cloud, first: Month, last: Month) -> list[CostRecord]:
    """Return the costs of the calling user's VMs, month by month, as far as calculated."""
    months = (first.month, first.year, last.month, last.year)
    return cloud.pools.read(CostRecord.read, "one.vmpool.showback", OWN, *months, tag="SHOWBACK")
