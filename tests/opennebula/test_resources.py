"""Images and networks as OpenNebula shows them."""

import pytest

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.resources import Resource
from one2one.opennebula.xml import parse

NETWORK = """<VNET><ID>2</ID><NAME>lan</NAME><TEMPLATE><ONE_REMOTE_NETWORK>7</ONE_REMOTE_NETWORK>
</TEMPLATE><AR_POOL>
<AR><AR_ID>0</AR_ID><IP>10.0.0.10</IP><SIZE>5</SIZE><LEASES><LEASE><IP>10.0.0.10</IP></LEASE>
</LEASES></AR><AR><AR_ID>1</AR_ID><MAC>02:00:00:00:00:01</MAC><SIZE>9</SIZE></AR>
<AR><IP>10.0.1.1</IP><SIZE>-3</SIZE></AR><AR><IP>no</IP><SIZE>5</SIZE></AR></AR_POOL></VNET>"""


@pytest.mark.parametrize(
    ("address", "there"),
    [
        ("10.0.0.10", True),
        ("10.0.0.14", True),
        ("10.0.0.15", False),
        ("10.0.0.9", False),
        ("10.0.1.1", False),
        ("", False),
        ("no", False),
        ("fd00::1", False),
    ],
)
def test_a_network_has_the_addresses_of_its_ranges(address: str, there: bool) -> None:
    assert Resource.read(parse(NETWORK)).has_address(address) is there


def test_what_a_resource_says() -> None:
    network = Resource.read(parse(NETWORK))
    image = Resource.read(parse("<IMAGE><ID>3</ID><NAME>data</NAME></IMAGE>"))
    assert (network.description, image.description) == ("network 2 (lan)", "image 3 (data)")
    assert network.template.text("ONE_REMOTE_NETWORK") == "7"
    assert not image.has_address("10.0.0.10")


def test_a_resource_without_an_id_is_none() -> None:
    with pytest.raises(ProtocolError, match="has no id"):
        Resource.read(parse("<VNET><ID>-1</ID></VNET>"))
