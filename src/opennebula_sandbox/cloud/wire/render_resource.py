"""Writes images and virtual networks as XML, as far as a VM gets disks and NICs from them."""

from opennebula_sandbox.cloud.objects import OWN
from opennebula_sandbox.cloud.vm.resources import Image, Network
from opennebula_sandbox.cloud.wire.render import (
    render_attribute,
    render_attributes,
    render_permissions,
)

_FOR_ALL = 0o604


def render_image(image: Image) -> str:
    """Return an IMAGE."""
    return (
        f"<IMAGE>{_render_owner(image)}<TYPE>0</TYPE><PERSISTENT>0</PERSISTENT>"
        f"<SIZE>{image.size}</SIZE><STATE>2</STATE>"
        f"<TEMPLATE>{render_attributes(image.template)}</TEMPLATE></IMAGE>"
    )


def render_network(network: Network) -> str:
    """Return a VNET with its address range."""
    kind = {"IP": str(network.first), "TYPE": "IP4"} if network.addresses else {"TYPE": "ETHER"}
    range_ = render_attribute("AR", {"AR_ID": "0", "SIZE": str(network.size), **kind})
    return (
        f"<VNET>{_render_owner(network)}{render_attribute('BRIDGE', 'br0')}"
        f"<TEMPLATE>{render_attributes(network.template)}</TEMPLATE>"
        f"<AR_POOL>{range_}</AR_POOL></VNET>"
    )


def _render_owner(subject: Image | Network) -> str:
    mode = _FOR_ALL if subject.shared else OWN
    return (
        f"<ID>{subject.id}</ID><UID>0</UID><GID>0</GID><UNAME>oneadmin</UNAME>"
        f"<GNAME>oneadmin</GNAME><NAME>{subject.name}</NAME>{render_permissions(mode)}"
    )
