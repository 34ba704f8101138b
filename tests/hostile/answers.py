"""An odd answer to a call: which of its layers are odd, and which are as they should be."""

from tests.hostile import documents, markup, xmlrpc
from tests.hostile.chance import Chance, encode
from tests.hostile.delivery import Carrier, Delivery, deliver, odd_delivery


def odd_answer(
    chance: Chance, method: str, ids: list[int], carry: Carrier = odd_delivery
) -> Delivery:
    """Return an answer that is odd in one layer at least, right in most others."""
    result = odd_result(chance, method, ids, spoilt=not chance.hit(0.3))
    body = xmlrpc.odd_answer(chance, result) if chance.hit(0.3) else xmlrpc.answer(result)
    if carry is not odd_delivery or chance.hit(0.3):
        return carry(chance, body)
    return deliver(body)


def odd_result(chance: Chance, method: str, ids: list[int], *, spoilt: bool = True) -> str | int:
    """Return what a call answers, with odd values, shapes or XML where it is *spoilt*."""
    found = documents.answer(chance, method, ids)
    if isinstance(found, tuple):
        if spoilt:
            found = markup.spoil(chance, found)
        document = markup.write(chance, found) if chance.hit(0.3) else encode(markup.plain(found))
        if spoilt and chance.hit(0.3):
            document = chance.choice(markup.FAULTS)(chance, document)
        return document.decode(errors="surrogateescape")
    if spoilt and chance.hit(0.5):
        return (
            chance.text() if isinstance(found, str) or chance.hit(0.3) else chance.randrange(2**33)
        )
    return found
