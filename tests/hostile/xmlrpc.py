"""XML-RPC answers, from the specification alone: right, odd and wrong.

OpenNebula's answers are an array: whether it succeeded, a text or a number, an error code.
"""

from collections.abc import Callable

from tests.hostile import markup
from tests.hostile.chance import Chance, encode, words
from tests.hostile.markup import escape

Result = str | int

_HEAD = "<?xml version='1.0' encoding='UTF-8'?>"
_OWN_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\r\n'
"""As the server of OpenNebula writes it."""
_TYPES = words(
    "int i4 i8 boolean string double base64 dateTime.iso8601 nil ex:nil bigdecimal biginteger i1 "
    "float struct array dom unknown"
)
_CODES = words("256 512 1024 2048 4096 8192 32768 65536 0 -1 2147483648")
_FAULTS = ["", *words("-500 -503 -504 -506 -510 4 0 99999999999 x")]
_REFUSALS = (
    "[one.vm.action] Wrong state to perform action",
    "Cannot process request, no leader found",
    "Cannot process request, oned cluster in election mode",
    "libcurl failed to execute the HTTP POST transaction, explaining: Failed connect to x",
    "User couldn't be authenticated, aborting call.",
)


def answer(result: Result) -> bytes:
    """Return the answer with *result* in the words of OpenNebula's own server."""
    value = f"<i4>{result}</i4>" if isinstance(result, int) else _string(escape(result))
    return encode(_OWN_HEAD + _response(_array("<boolean>1</boolean>", value, "<i4>0</i4>")))


def odd_answer(chance: Chance, result: Result) -> bytes:
    """Return another one."""
    document = encode(chance.choice((_HEAD, _OWN_HEAD, "")) + chance.choice(_FORMS)(chance, result))
    if chance.hit(0.4):
        document = chance.choice(markup.FAULTS)(chance, document)
    return document


def _response(*values: str) -> str:
    params = "".join(f"<param><value>{value}</value></param>\r\n" for value in values)
    return f"<methodResponse>\r\n<params>\r\n{params}</params>\r\n</methodResponse>\r\n"


def _array(*values: str) -> str:
    data = "".join(f"<value>{value}</value>\r\n" for value in values)
    return f"<array><data>\r\n{data}</data></array>"


def _string(text: str) -> str:
    return f"<string>{text}</string>"


def _write_value(chance: Chance, result: Result) -> str:
    """Return *result* as one of the values that mean the same, or nearly."""
    text = str(result)
    match chance.randrange(8):
        case 0:
            return escape(text)  # without a type it is a string
        case 1:
            return f"<string><![CDATA[{text}]]></string>"
        case 2:
            return _string(escape(text).replace("&gt;", ">"))
        case 3:
            return _string("".join(f"&#{ord(character)};" for character in text[:2000]))
        case 4:
            return _string(text)
        case 5:
            return f"<string xmlns='x'>{escape(text)}<!-- --></string><string/>"
        case 6:
            kind = chance.choice(_TYPES)
            return f"<{kind}>{escape(text)}</{kind}>"
        case _:
            return _string(escape(text))


def _value(chance: Chance, depth: int = 3) -> str:
    """Return any value."""
    kind = chance.choice(_TYPES)
    if kind == "array" and depth:
        return _array(*(_value(chance, depth - 1) for _ in range(chance.randint(0, 3))))
    if kind == "struct" and depth:
        names = chance.some(("faultCode", "faultString", "self", "", "__class__", "a"), 3)
        members = (_member(name, _value(chance, depth - 1)) for name in names)
        return f"<struct>{''.join(members)}</struct>"
    return f"<{kind}>{escape(chance.choice((chance.number, chance.text))())}</{kind}>"


def _member(name: str, value: str) -> str:
    return f"<member><name>{name}</name><value>{value}</value></member>"


def _write_otherwise(chance: Chance, result: Result) -> str:
    return _response(_array("<boolean>1</boolean>", _write_value(chance, result), "<int>0</int>"))


def _other_value(chance: Chance, _result: Result) -> str:
    success = chance.choice(("<boolean>1</boolean>", "<boolean>0</boolean>", _value(chance)))
    return _response(_array(success, _value(chance), _value(chance)))


def _refusal(chance: Chance, _result: Result) -> str:
    words = chance.text() if chance.hit(0.5) else chance.choice(_REFUSALS)
    code = f"<i4>{chance.choice(_CODES)}</i4>"
    return _response(_array("<boolean>0</boolean>", _string(escape(words)), code))


def _fault(chance: Chance, _result: Result) -> str:
    code = _member("faultCode", f"<int>{chance.choice(_FAULTS)}</int>")
    words = _member("faultString", _string(escape(chance.text())))
    members = chance.choice((code + words, code, words, "", words + code + code))
    struct = chance.choice((f"<struct>{members}</struct>", members, _value(chance)))
    return f"<methodResponse><fault><value>{struct}</value></fault></methodResponse>"


def _other_shape(chance: Chance, result: Result) -> str:
    value = _write_value(chance, result)
    match chance.randrange(10):
        case 0:
            return _response(value)
        case 1:
            return _response()
        case 2:
            return _response(_array(), value)
        case 3:
            others = (_value(chance) for _ in range(chance.randint(0, 4)))
            return _response(_array("<boolean>1</boolean>", value, *others))
        case 4:
            return _response(_value(chance), _value(chance))
        case 5:
            return (
                f"<methodCall><methodName>one.vm.info</methodName>{_response(value)}</methodCall>"
            )
        case 6:
            return f"<value>{value}</value>"
        case 7:
            return _response("<array><data>" * 2000 + "</data></array>" * 2000)
        case 8:
            return _response("<array><data><value>" * chance.choice((60, 3000)))
        case _:
            return chance.choice(("<html><body>It works!</body></html>", "{}", "null", ""))


_FORMS: tuple[Callable[[Chance, Result], str], ...] = (
    *(_write_otherwise, _write_otherwise, _other_value, _refusal, _fault, _other_shape),
)
