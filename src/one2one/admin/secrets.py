"""Takes secrets out of what people send to others: known ones, and what has the form of one.

What is known: the session strings and keys of the local cloud's files, and what hybrid hosts have
for their remotes. What is recognised: private keys, users and passwords in URLs, headers of HTTP,
attributes whose names tell, tokens, and the payloads of drivers' messages, which hold whole VMs.
"""

import html
import json
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

from one2one.admin.hosts import list_hybrid_hosts
from one2one.driver.local import LocalCloud
from one2one.driver.locations import var_location
from one2one.opennebula.errors import OneError
from one2one.opennebula.records import Host

HIDDEN = "(hidden)"
_SHORT = 4
"""A shorter secret is hidden only where no letter or digit is beside it."""
_MOST_OF_FILE = 64 << 10

_NAMES = (
    r"[\w/.-]{0,64}(?:PASSW|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|PRIVATE|ONE_KEY|AUTHORIZATION"
    r"|PWD|API_?KEY|ACCESS_?KEY|PASS(?=[\"']?\s*[=:>]))"
    r"[\w.-]{0,64}"
)
_QUOTED = r'"(?:\\.|[^"\\])*"?|\'[^\']*\'?'
_VALUE = rf"{_QUOTED}|[^\s,\]}}\"']+(?: [A-Za-z0-9+/=]{{8,}})?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.DOTALL)
    for form in (
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----(?P<secret>.*?)(?:-----END|\Z)",
        r"://(?P<secret>[^\s\"'<>]{1,256})@",
        rf"<{_NAMES}>(?P<secret>.*?)(?:</|\Z)",
        rf"\b{_NAMES}[\"']?\s*[=:]\s*(?P<secret>{_VALUE})",
        r"(?<![\w:.-])[\w.-]+:(?P<secret>[0-9a-f]{32,64})(?![0-9a-f])",
        r"(?<![A-Za-z0-9+/=])(?P<secret>[A-Za-z0-9+/]{64,}={0,2})",
        r"(?<![\w])(?P<secret>[0-9a-f]{32,})(?![\w])",
    )
)


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

    def hide_all(self, text: str) -> str:
        """Return *text* without known secrets, nor anything that has the form of one."""
        text = self.hide(text)
        for form in _FORMS:
            text = form.sub(_replace, text)
        return self.hide(text)

    def are_in(self, text: str) -> bool:
        """Tell whether a known secret is in *text*, but for the word that stands for one."""
        return self._known.search(text.replace(HIDDEN, "\n")) is not None


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
    """Return a secret as it may be written: plain, for a URL, in base64, in JSON, in XML."""
    in_json = {json.dumps(word, ensure_ascii=plain)[1:-1] for plain in (True, False)}
    in_xml = {escape(word), escape(word, {'"': "&quot;", "'": "&apos;"}), html.escape(word)}
    return {word, quote(word, safe=""), b64encode(word.encode()).decode(), *in_json, *in_xml}


def _make_pattern(word: str) -> str:
    pattern = re.escape(word)
    return pattern if len(word) >= _SHORT else rf"(?<!\w){pattern}(?!\w)"


def _replace(match: re.Match[str]) -> str:
    start, end = match.span("secret")
    whole, begin = match[0], match.start()
    return f"{whole[: start - begin]}{HIDDEN}{whole[end - begin :]}"
