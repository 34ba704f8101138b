"""Images and virtual networks, as far as a VM gets disks and NICs from them."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.template import Template, Vector, from_xml
from one2one.opennebula.xml import Element, read_integer, read_text

_TAGS = {"IMAGE": "image", "VNET": "network"}


@dataclass(frozen=True, slots=True)
class Resource:
    """An image or a virtual network: the answer of ``one.image.info`` and ``one.vn.info``."""

    kind: str
    """``image`` or ``network``."""
    id: int
    name: str
    template: Template
    uid: int = -1
    """Its owner's id; 0 is oneadmin's."""
    gid: int = -1
    """Its group's id; 0 is that of the administrators."""
    ranges: tuple[Vector, ...] = ()
    """The address ranges (AR) of a network."""

    @classmethod
    def read(cls, element: Element) -> "Resource":
        """Return what is in an ``<IMAGE>`` or ``<VNET>``; raises ProtocolError without an id."""
        number = read_id(read_text(element, "ID"))
        if number is None:
            raise ProtocolError(f"<{element.tag}> has no id", remedy="")
        return cls(
            kind=_TAGS[str(element.tag)],
            id=number,
            name=read_text(element, "NAME"),
            template=_read_template(element, "TEMPLATE"),
            uid=read_integer(element, "UID", -1),
            gid=read_integer(element, "GID", -1),
            ranges=tuple(_read_template(element, "AR_POOL").vectors("AR")),
        )

    @property
    def description(self) -> str:
        """What to call it in an error."""
        return f"{self.kind} {self.id} ({self.name})"

    @property
    def is_administrators(self) -> bool:
        """Whether it belongs to oneadmin, or to the group of the administrators."""
        return 0 in (self.uid, self.gid)

    def has_address(self, address: str) -> bool:
        """Tell whether the IPv4 *address* is in a range of the network, used or not."""
        wanted = _read_address(address)
        return wanted is not None and any(_is_within(wanted, range_) for range_ in self.ranges)


def _read_template(element: Element, tag: str) -> Template:
    child = element.find(tag)
    return Template() if child is None else from_xml(child)


def _is_within(address: int, range_: Vector) -> bool:
    first, size = _read_address(range_.get("IP", "")), read_id(range_.get("SIZE"))
    return first is not None and first <= address < first + (size or 0)


def _read_address(text: str) -> int | None:
    try:
        return int(IPv4Address(text))
    except ValueError:
        return None
