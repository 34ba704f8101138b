"""XML: trees, and every way in which they can be written, or written wrongly.

From the XML 1.0 and Namespaces recommendations alone.
"""

from collections.abc import Callable

from tests.hostile.chance import Chance, encode

Tree = tuple[str, "str | list[Tree]"]
"""A tag, and the text or the elements in it."""
Fault = Callable[[Chance, bytes], bytes]
"""Turns a document into one with a fault."""

_NAMES = ("ID", "VM", "a:b", "xml", "_", "1", "-", "Ä", "é", "A" * 3000, "value", "USER", "")
_ENCODINGS = ("UTF-16", "ISO-8859-1", "UTF-7", "klingon", "base64_codec", "", "utf-8", "EBCDIC-US")
_LAUGHS = b"".join(
    b"<!ENTITY l%d '%b'>" % (level, b"&l%d;" % (level - 1) * 10 if level else b"ha" * 9)
    for level in range(12)
)


def leaves(**values: object) -> list[Tree]:
    """Return elements that have but a text."""
    return [(tag, str(value)) for tag, value in values.items()]


def node(tag: str, *parts: Tree | list[Tree]) -> Tree:
    """Return an element with elements in it."""
    return tag, [child for part in parts for child in ([part] if isinstance(part, tuple) else part)]


def escape(text: str) -> str:
    """Return *text* as the content of an element."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(tree: Tree) -> str:
    """Return *tree* as XML."""
    tag, content = tree
    inner = escape(content) if isinstance(content, str) else "".join(map(plain, content))
    return f"<{tag}>{inner}</{tag}>"


def spoil(chance: Chance, tree: Tree) -> Tree:
    """Return *tree* with odd values, and with what is missing, doubled, moved or misnamed."""
    for _ in range(chance.choice((1, 1, 2, 3, 10))):
        tree = next(iter(_spoil_once(chance, tree)), ("", ""))
    return tree


def _spoil_once(chance: Chance, tree: Tree) -> list[Tree]:
    """Return what takes the place of *tree*, with a fault in it or below."""
    tag, content = tree
    if isinstance(content, str):
        if chance.hit(0.8):
            is_number = content.lstrip("-").isdigit() and chance.hit(0.8)
            return [(tag, chance.number() if is_number else chance.text())]
    elif content and chance.hit(0.95):
        at = chance.randrange(len(content))
        return [(tag, content[:at] + _spoil_once(chance, content[at]) + content[at + 1 :])]
    match chance.randrange(6):
        case 0:
            return []
        case 1:
            return [tree, tree]
        case 2:
            return [(chance.choice(_NAMES), content)]
        case 3:
            return [(tag, [tree])]
        case 4:
            return [(tag, chance.text())]
        case _:
            moved = list(content) if isinstance(content, list) else [tree]
            return [(tag, chance.sample(moved, len(moved)))]


def write(chance: Chance, tree: Tree) -> bytes:
    """Return *tree* in one of the ways that mean the same: CDATA, references, attributes, …"""
    tag, content = tree
    if not content and chance.hit(0.5):
        return b"<%b/>" % encode(tag)
    if isinstance(content, str):
        inner = chance.choice((_as_cdata, _as_references, _among_comments, escape))(content)
    else:
        inner = chance.choice(("", "", "\n  ")).join(
            write(chance, child).decode(errors="surrogatepass") for child in content
        )
    extra = chance.choice(("", "", "", " xmlns='urn:x'", " xmlns:n='n' n:a=''", ' ID="7"', "\n"))
    return encode(f"<{tag}{extra}>{inner}</{tag}>")


def _as_cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>"


def _as_references(text: str) -> str:
    return "".join(f"&#x{ord(character):x};" for character in text)


def _among_comments(text: str) -> str:
    return f"<!-- -->{escape(text)}<?target data?>"


def _recode(chance: Chance, document: bytes) -> bytes:
    name = chance.choice(_ENCODINGS)
    declaration = b"<?xml version='1.0' encoding='%b'?>" % name.encode()
    body = document.partition(b"?>")[2] if document.startswith(b"<?xml") else document
    if name == "UTF-16" and chance.hit(0.5):
        return (declaration + body).decode(errors="replace").encode("utf-16", "replace")
    return declaration + body


def _define(chance: Chance, document: bytes) -> bytes:
    subset = chance.choice(
        (
            b"",
            b"SYSTEM 'file:///etc/passwd'",
            b"[<!ENTITY e SYSTEM 'file:///etc/passwd'>]",
            b"[<!ENTITY e 'x'><!ENTITY % p SYSTEM 'http://127.0.0.1:1/'>%p;]",
            b"[%b<!ENTITY e '&l11;'>]" % _LAUGHS,
            b"[<!ATTLIST VM ID CDATA '7'>]",
        )
    )
    body = document.partition(b"?>")[2] if document.startswith(b"<?xml") else document
    return b"<!DOCTYPE any %b>%b" % (subset, body.replace(b"</", b"&e;</", 1))


def _nest(chance: Chance, document: bytes) -> bytes:
    depth, tag = chance.choice((10, 250, 300, 5000)), chance.choice((b"VM", b"value", b"x"))
    return b"<%b>" % tag * depth + document + b"</%b>" % tag * depth * chance.randint(0, 1)


def _cut(chance: Chance, document: bytes) -> bytes:
    return document[: chance.randrange(len(document) + 1)]


def _swell(chance: Chance, document: bytes) -> bytes:
    filling = chance.choice((b"<VM/>", b"<!-- -->", b" ", b"&amp;", b"a", b"<a b='c'/>", b"&#10;"))
    at = document.find(b"</")
    return document[:at] + filling * chance.choice((10, 100, 1000, 20_000)) + document[at:]


def _follow(chance: Chance, document: bytes) -> bytes:
    return document + chance.choice((document, b"\0", b"trailing", b"<?xml version='1.0'?>", b"\n"))


def _mutate(chance: Chance, document: bytes) -> bytes:
    return chance.mutate(document)


FAULTS: tuple[Fault, ...] = (_recode, _define, _nest, _cut, _swell, _follow, _mutate, _mutate)
