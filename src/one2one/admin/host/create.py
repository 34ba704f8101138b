"""Creating a hybrid host: first the remote is asked, then the host made, complete or not at all."""

from dataclasses import dataclass, field

from one2one.driver.local import LocalCloud
from one2one.driver.remotes import build_endpoints
from one2one.hybrid.naming import DRIVER
from one2one.hybrid.settings import Settings, read_settings
from one2one.opennebula.administration import (
    HostStatus,
    create_host,
    delete_host,
    set_host_status,
)
from one2one.opennebula.cloud import Cloud, Update
from one2one.opennebula.errors import OneError
from one2one.opennebula.quotas import VmQuotas
from one2one.opennebula.records import Host
from one2one.opennebula.template import Template, to_xml
from one2one.opennebula.xml import read_text


@dataclass(frozen=True)
class Account:
    """The facts about an account, from the remote."""

    version: str
    user: str
    group: str
    templates: int
    quotas: VmQuotas


def check_remote(name: str, attributes: Template) -> Account:
    """Read the account of a host with these attributes; nothing is changed.

    Raises ConfigurationError for wrong attributes, and the errors of a call.
    """
    settings: Settings = read_settings(Host(-1, name, DRIVER, DRIVER, (), attributes))
    cloud = Cloud(build_endpoints(settings), settings.session)
    try:
        user = cloud.get_user()
        return Account(
            version=cloud.get_version(),
            user=read_text(user, "NAME"),
            group=read_text(user, "GNAME"),
            templates=len(cloud.list_templates()),
            quotas=VmQuotas.read(user),
        )
    finally:
        cloud.close()


@dataclass(frozen=True)
class Created:
    """The new host."""

    id: int
    password_is_clear: bool = field(default=False)
    """Whether oned keeps the password in clear text."""


def create(local: LocalCloud, name: str, attributes: Template, cluster_id: int) -> Created:
    """Create the host and return it.

    It is off line until it has all its attributes, so that no driver monitors an incomplete host.
    If they cannot be written, the host is deleted. Raises the errors of a call.
    """
    cloud = local.cloud
    host_id = create_host(cloud, name, DRIVER, DRIVER, cluster_id)
    try:
        set_host_status(cloud, host_id, HostStatus.OFFLINE)
        cloud.update_host(host_id, to_xml(attributes), Update.MERGE)
        kept = cloud.get_host(host_id).template.text("ONE_PASSWORD")
        set_host_status(cloud, host_id, HostStatus.ENABLED)
    except (OneError, ValueError):
        delete_host(cloud, host_id)
        raise
    return Created(host_id, password_is_clear=kept == attributes.text("ONE_PASSWORD"))
