"""Takes the secrets of the local cloud and of its hybrid hosts out of what is sent to others."""

import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from one2one.admin.hosts import list_hybrid_hosts
from one2one.driver.local import LocalCloud
from one2one.driver.locations import var_location
from one2one.opennebula.errors import OneError
from one2one.opennebula.records import Host

HIDDEN = "(hidden)"
_SHORT = 4
"""A shorter secret is hidden only where no letter or digit is beside it."""
_MOST_OF_FILE = 64 << 10


class Secrets:
    """Known secrets, and how texts look without them."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Take texts that must not be seen; empty ones do not count."""
        words = {form for word in known if word.strip() for form in _list_forms(word.strip())}
        self._words = sorted(words, key=len, reverse=True)
        self._known = re.compile("|".join(map(_make_pattern, self._words)) or r"(?!)")

    def hide(self, text: str) -> str:
        """Return *text* without known secrets."""
        return self._known.sub(HIDDEN, text)


def read_secrets(local: LocalCloud | None, environment: Mapping[str, str] = os.environ) -> Secrets:
    """Return the secrets of the local cloud, and those of its hybrid hosts as far as it answers."""
    known = set(_read_files(environment))
    if local is not None:
        with suppress(OneError):
            for host in list_hybrid_hosts(local):
                known |= set(_read_host(local, host))
    return Secrets(known)


def _read_files(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what is in ``~/.one`` and ``/var/lib/one/.one``: session strings and the key."""
    named = environment.get("ONE_AUTH")
    homes = {Path(environment["HOME"])} if environment.get("HOME") else set()
    files = [Path(named)] if named else []
    for home in (*homes, var_location(environment), var_location({})):
        with suppress(OSError):
            files += (home / ".one").iterdir()
    for file in files:
        if file.name == "one_endpoint":
            continue
        with suppress(OSError, UnicodeDecodeError):
            with file.open() as opened:
                text = opened.read(_MOST_OF_FILE).strip()
            yield text
            yield text.partition(":")[2]


def _read_host(local: LocalCloud, host: Host) -> Iterator[str]:
    """Yield a host's secrets, as oned keeps them and in clear."""
    for seen in (host, local.get_host(host.id)):
        yield seen.template.text("ONE_PASSWORD")
        yield from _read_url(seen.template.text("ONE_PROXY"))
        yield from _read_url(seen.template.text("ONE_ENDPOINT"))
    with suppress(OneError):
        settings = local.read_settings_of(local.get_host(host.id))
        yield from (settings.password, settings.session)


def _read_url(url: str) -> Iterator[str]:
    """Yield the user with the password, and the password, of a URL."""
    with suppress(ValueError):
        parts = urlsplit(url.strip())
        if parts.password:
            yield from (parts.password, unquote(parts.password))
            yield f"{unquote(parts.username or '')}:{unquote(parts.password)}"


def _list_forms(word: str) -> set[str]:
    """Return a secret as it may be written: plain, for a URL, in base64."""
    return {word, quote(word, safe=""), b64encode(word.encode()).decode()}


def _make_pattern(word: str) -> str:
    pattern = re.escape(word)
    return pattern if len(word) >= _SHORT else rf"(?<!\w){pattern}(?!\w)"
