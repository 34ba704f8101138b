"""Checks the URLs of clouds and proxies and splits them into parts, without a connection.

Every error is a ConfigurationError, and shows no user, password or query.
"""

import ipaddress
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import SplitResult, unquote, urlsplit

from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443, "grpc": 2634, "grpcs": 443}
_GRPC = ("grpc", "grpcs")
_PROXY_PORT = 3128
_LONGEST_LABEL = 63
_LONGEST_HOST = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2000-\u206f\\]")
"""Control characters and blanks. urlsplit would drop some of them silently."""


@dataclass(frozen=True)
class Address:
    """A host and a port to connect to."""

    host: str
    """ASCII; an IPv6 address without brackets."""
    port: int

    def __str__(self) -> str:
        """Return ``host:port``, the form that CONNECT needs."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class CloudUrl:
    """The address of a cloud's XML-RPC, or of its gRPC."""

    address: Address
    path: str
    """Empty for gRPC."""
    is_tls: bool
    is_grpc: bool = False


@dataclass(frozen=True)
class ProxyUrl:
    """An HTTP proxy on the way to a cloud."""

    address: Address
    authorization: str = field(repr=False)
    """The value of Proxy-Authorization, empty without a user."""


def split_endpoints(text: str) -> tuple[str, ...]:
    """Return the URLs in *text*, which has blanks or commas between them, each once.

    A text with an @ is not cut: it is wrong, and a piece of it may be a piece of a password.
    """
    return (text,) if "@" in text else tuple(dict.fromkeys(text.replace(",", " ").split()))


@lru_cache(64)
def parse_endpoint(url: str) -> CloudUrl:
    """Return the parts of ``http[s]://host[:port][/path]`` or ``grpc[s]://host[:port]``.

    Raises ConfigurationError for all others.
    """
    remedy = "Use http://host:2633/RPC2, https://… or grpc://host:2634, without a user"
    try:
        if "@" in url:
            raise ValueError("it has a user or password in it")
        parts = _split(url, tuple(_PORTS))
        if not parts.path.isascii():
            raise ValueError("its path is not ASCII")
        is_grpc = parts.scheme in _GRPC
        if is_grpc and parts.path not in ("", "/"):
            raise ValueError("it has a path, which gRPC does not use")
        address = Address(_read_host(parts), parts.port or _PORTS[parts.scheme])
    except ValueError as error:
        raise _url_error(f"not the URL of an XML-RPC or gRPC: {error}", url, remedy) from None
    path = "" if is_grpc else parts.path or "/RPC2"
    return CloudUrl(address, path, parts.scheme in ("https", "grpcs"), is_grpc)


@lru_cache(64)
def parse_proxy(url: str) -> ProxyUrl:
    """Return the parts of ``http://[user:password@]host[:port]``; raises ConfigurationError."""
    remedy = "Use http://[user:password@]host:port, with %xx for special characters"
    try:
        parts = _split(url, ("http",))
        if parts.path not in ("", "/"):
            raise ValueError("it has a path")
        address = Address(_read_host(parts), parts.port or _PROXY_PORT)
    except ValueError as error:
        raise _url_error(f"not the URL of a proxy: {error}", url, remedy) from None
    if parts.username is None:
        return ProxyUrl(address, "")
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return ProxyUrl(address, f"Basic {b64encode(secret).decode()}")


def hide_secrets(url: str) -> str:
    """Return *url*, which may be wrong, without user, password and query."""
    scheme, slashes, rest = url.partition("://") if "://" in url else ("", "", url)
    plain, *query = re.split(r"[?#]", rest, maxsplit=1)
    is_ambiguous = "@" in rest and query  # either may be a part of the other
    return clean_line(scheme + slashes + ("…" if is_ambiguous else plain.rpartition("@")[2]))


def _split(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Return the parts of any valid *url*; raises ValueError, with the reason."""
    if _FORBIDDEN.search(url):
        raise ValueError("it has a blank, a backslash or a control character in it")
    if url.partition("://")[0].lower() not in schemes:
        raise ValueError(f"it does not begin with {' or '.join(f'{s}://' for s in schemes)}")
    if "?" in url or "#" in url:
        raise ValueError("it has a query or a fragment (? or #)")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("its host cannot be read") from None
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("its port is not a number from 1 to 65535")
    return parts


def parse_host(host: str) -> str:
    """Return a host's name or address in the form for a look-up.

    Raises ValueError, with the reason, for what is neither.
    """
    host = host.lower().removesuffix(".")
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise ValueError("its host cannot be read") from None
    if len(host) > _LONGEST_HOST or any(len(part) > _LONGEST_LABEL for part in host.split(".")):
        raise ValueError(
            f"its host is longer than {_LONGEST_HOST} characters, or a part of it than "
            f"{_LONGEST_LABEL}"
        )
    try:
        name = host.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("it names no host" if not host else "its host is not a name")
    return name


def _read_host(parts: SplitResult) -> str:
    """Return the host in *parts* in the form for a look-up; raises ValueError, with the reason."""
    host = parts.hostname or ""
    if "[" in parts.netloc and ":" not in host:
        raise ValueError("its host cannot be read")
    return parse_host(host)


def _url_error(cause: str, url: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(cause, endpoint=hide_secrets(url), remedy=remedy)
