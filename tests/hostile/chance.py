"""Choices that a seed decides, and values as no sane program writes them."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")

NUMBERS = (
    *("", " ", "-1", "-5", "-0", "+1", "007", "1e9", "1.5", "0x10", "NaN", "inf", "-inf", "1_000"),
    *("99999999999", "2147483647", "2147483648", "-2147483649", "18446744073709551616", "1,5"),
    *("9" * 400, "9" * 5000, "-" + "9" * 5000, "1e400", "٣", "²", " 1", "1 ", "1\n", "true", "0"),
)
TEXTS = (
    *("", " ", "\0", "\x1b]0;owned\x07", "\x9b31m", "\u202eevil", "\u2028", "\r\nLOG E 0 forged"),
    *("\ud800", "\udfff\ud800", "\N{GRINNING FACE}", "\ufffe", "\ufdd0", "\x7f", "\x85", "\ufeff"),
    *("]]>", "<![CDATA[", "<ID>7</ID>", "&amp;", "&lt;VM&gt;", "&#0;", "%s%n%d", "$USER[TOKEN]"),
    *("../../etc/passwd", '"', "\\", '\\"', "\\\\", "=", "[", "]", "#", "@^_^@", "NULL", "None"),
    *("SUCCESS 0 -", "a" * 5000, "é" * 700, "\n\n\n", "\t", "YES", "opennebula-hybrid-7", "-"),
)
_TOKENS = (
    *(text.encode(errors="surrogatepass") for text in (*NUMBERS, *TEXTS) if len(text) < 50),
    *(b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5", b"\r\n", b"\r\n\r\n", b"<", b">", b"</"),
)


class Chance(Random):
    """The same seed makes the same choices."""

    def hit(self, probability: float) -> bool:
        """Tell whether something of this probability happens."""
        return self.random() < probability

    def some(self, items: Sequence[Item], most: int) -> list[Item]:
        """Return up to *most* of *items*, the same one more than once perhaps."""
        return self.choices(items, k=self.randint(0, most))

    def number(self) -> str:
        """Return what stands where a number should."""
        if self.hit(0.5):
            return self.choice(NUMBERS)
        return str(int(self.choice((-1, 1)) * 10 ** self.uniform(0, 20)))

    def text(self) -> str:
        """Return any text, lone surrogates included."""
        if self.hit(0.7):
            return self.choice(TEXTS)
        return "".join(chr(self.randrange(0x250)) for _ in range(self.randint(1, 20)))

    def noise(self, most: int = 200) -> bytes:
        """Return any bytes."""
        return self.randbytes(self.randint(0, most))

    def mutate(self, data: bytes) -> bytes:
        """Return *data* with a few faults, each at any place."""
        for _ in range(self.choice((1, 1, 1, 2, 4))):
            start = self.randrange(len(data) + 1)
            end = min(len(data), start + self.choice((0, 1, 1, 2, 8, 100, 5000)))
            part = data[start:end]
            filling = self.choice(
                (
                    b"",
                    part + part,
                    part[::-1],
                    part * self.choice((3, 50)),
                    self.choice(_TOKENS),
                    self.noise(8),
                    bytes(byte ^ 1 << self.randrange(8) for byte in part),
                    data[self.randrange(len(data) + 1) :][:100],
                )
            )
            data = data[:start] + filling + data[end:]
        return data


def words(text: str) -> list[str]:
    """Return the words of *text*."""
    return text.split()


def encode(text: str) -> bytes:
    """Return *text* in UTF-8, and lone surrogates as if they were characters."""
    return text.encode(errors="surrogatepass")
