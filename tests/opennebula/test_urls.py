"""URLs of clouds and proxies: what is refused is named, and nothing secret is shown."""

import pytest

from one2one.opennebula.client import Client
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import ConfigurationError
from one2one.opennebula.urls import hide_secrets, parse_endpoint, parse_proxy


@pytest.mark.parametrize(
    ("url", "address", "path"),
    [
        ("http://cloud.example.org:2633/RPC2", "cloud.example.org:2633", "/RPC2"),
        ("https://cloud.example.org", "cloud.example.org:443", "/RPC2"),
        ("http://cloud/", "cloud:80", "/"),
        ("HTTPS://Cloud_1.Example.org.:443/one/RPC2", "cloud_1.example.org:443", "/one/RPC2"),
        ("http://[2001:DB8::5]:2633/RPC2", "[2001:db8::5]:2633", "/RPC2"),
        ("http://[fe80::1%eth0]:2633/RPC2", "[fe80::1%eth0]:2633", "/RPC2"),
        ("https://bücher.example/RPC2", "xn--bcher-kva.example:443", "/RPC2"),
        (f"http://{'a' * 63}.{'b' * 63}:1/RPC2", f"{'a' * 63}.{'b' * 63}:1", "/RPC2"),
    ],
)
def test_an_endpoint(url: str, address: str, path: str) -> None:
    endpoint = parse_endpoint(url)
    assert str(endpoint.address) == address
    assert endpoint.path == path
    assert endpoint.is_tls is url.lower().startswith("https")


WRONG = {
    "": "does not begin with http:// or https://",
    "cloud:2633": "does not begin with http:// or https://",
    "ftp://cloud/RPC2": "does not begin with http:// or https://",
    "javascript:alert(1)": "does not begin with http:// or https://",
    "http://": "it names no host",
    "http:///RPC2": "it names no host",
    "http://:2633/RPC2": "it names no host",
    "http://me:geheim@cloud/RPC2": "it has a user or password in it",
    "http://:geheim@cloud/RPC2": "it has a user or password in it",
    "http://geheim@cloud/RPC2": "it has a user or password in it",
    "http://me:p://geheim@cloud/RPC2": "it has a user or password in it",
    "http://cloud/RPC2?pw=geheim": "it has a query or a fragment",
    "http://cloud/RPC2?pw=a@geheim": "it has a user or password in it",
    "http://cloud/RPC2#geheim": "it has a query or a fragment",
    "http://cloud/RPC2?": "it has a query or a fragment",
    "http://me:ge?heim@cloud/RPC2": "it has a user or password in it",
    "http://cloud:0/RPC2": "its port is not a number from 1 to 65535",
    "http://cloud:65536/RPC2": "its port is not a number from 1 to 65535",
    "http://cloud:-1/RPC2": "its port is not a number from 1 to 65535",
    "http://cloud:one/RPC2": "its port is not a number from 1 to 65535",
    "http://[::1": "its host cannot be read",
    "http://::1]/RPC2": "its host cannot be read",
    "http://[cloud]/RPC2": "its host cannot be read",
    "http://[1.2.3.4]/RPC2": "its host cannot be read",
    f"http://{'a' * 64}.example/RPC2": "a part of it than 63",
    f"http://{'a' * 300}/RPC2": "longer than 253 characters",
    f"http://{'a.' * 150}a/RPC2": "longer than 253 characters",
    f"http://{'ü' * 60}.example/RPC2": "its host is not a name",
    "http://a..b/RPC2": "its host is not a name",
    "http://.a/RPC2": "its host is not a name",
    "http://a,b/RPC2": "its host is not a name",
    "http://cloud/RPC2 HTTP/1.1": "a blank, a backslash or a control character",
    "http://cloud/\r\nX-Evil: 1": "a blank, a backslash or a control character",
    "http://clo\tud/RPC2": "a blank, a backslash or a control character",
    "http://cloud\\evil/RPC2": "a blank, a backslash or a control character",
    "http://cloud/\u202e2CPR": "a blank, a backslash or a control character",
    "http://cloud/ü": "its path is not ASCII",
}


@pytest.mark.parametrize("url", WRONG)
def test_what_is_no_endpoint_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Client(Endpoint(url), "burst:geheim")
    assert WRONG[url] in caught.value.cause
    assert "Use http://host:2633/RPC2" in str(caught.value)
    assert "heim" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("url", "address", "authorization"),
    [
        ("http://proxy:8080", "proxy:8080", ""),
        ("http://proxy/", "proxy:3128", ""),
        ("http://[::1]:8080", "[::1]:8080", ""),
        ("http://me:p%40ss@proxy:8080", "proxy:8080", "Basic bWU6cEBzcw=="),
        ("http://me@proxy:8080", "proxy:8080", "Basic bWU6"),
    ],
)
def test_a_proxy(url: str, address: str, authorization: str) -> None:
    proxy = parse_proxy(url)
    assert str(proxy.address) == address
    assert proxy.authorization == authorization
    assert not authorization or authorization not in repr(proxy)


@pytest.mark.parametrize(
    "url",
    [
        "proxy:3128",
        "https://me:geheim@proxy:3128",
        "socks5://me:geheim@proxy:1080",
        "http://me:geheim@proxy:99999",
        "http://me:geheim@proxy:3128/path",
        "http://me:geheim@[::1",
        "http://me:ge heim@proxy",
        "http://me:ge?heim@proxy",
        f"http://me:geheim@{'a' * 300}:3128",
        "http://me:geheim@",
    ],
)
def test_what_is_no_proxy_is_refused_and_its_password_not_shown(url: str) -> None:
    server = Endpoint("http://cloud/RPC2", proxy=url)
    assert "heim" not in repr(server)
    with pytest.raises(ConfigurationError, match="not the URL of a proxy") as caught:
        Client(server, "burst:geheim")
    assert "heim" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://cloud:2633/RPC2", "http://cloud:2633/RPC2"),
        ("http://me:geheim@cloud/RPC2", "http://cloud/RPC2"),
        ("me:geheim@cloud", "cloud"),
        ("http://cloud/?pw=geheim", "http://cloud/"),
        ("http://cloud/?pw=a@geheim", "http://…"),
        ("http://me:a?geheim@cloud/", "http://…"),
        ("", ""),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert hide_secrets(url) == shown
