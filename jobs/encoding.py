"""Encodings of text files: UTF-8, UTF-16, UTF-32 and Windows-1252, found from the bytes of a file."""

import codecs
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from shared.errors import InvalidField

_CHUNK: Final = 1 << 20
# The mark of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ADVICE: Final = 'UTF-8; save it as UTF-8 (in Excel: "CSV UTF-8")'
# Enough of the header to tell UTF-16 without a mark: every second byte of an ASCII name is zero.
_START: Final = 16
_SEQUENCE: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_UNASSIGNED: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# Letters of other alphabets come in runs, and symbols between letters are letters of another code page. What Western
# texts have between letters: apostrophes, hyphens, ordinals, the Catalan middle dot.
_RUN: Final = re.compile(rb"[\x80-\xff]{4,}")
_SYMBOL_IN_WORD: Final = re.compile(
    rb"[A-Za-z][\x80-\x84\x86-\x89\x8b\xa1-\xa9\xab\xac\xae-\xb3\xb5\xb6\xb8\xb9\xbb-\xbf][a-z]"
)
_MANY: Final = 10
"""So many times as often must the signs of an encoding occur as those against it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Encoding of a file: a name of Python's codecs, and the character that ends its lines, a newline or a return.

    `is_damaged` marks UTF-8 with bytes that are not.
    """

    codec: str = "utf-8"
    line_end: str = "\n"
    is_damaged: bool = False

    @property
    def is_guessed(self) -> bool:
        """Certainty: True for Windows-1252, which other encodings of one byte a letter resemble."""
        return self.codec == "cp1252"

    def lines(self, stream: BinaryIO) -> BinaryIO:
        """Stream of the text in UTF-8 with newlines, to read once; in UTF-8, invalid bytes stay as they are."""
        if self.codec == "utf-8-sig":
            stream.read(len(codecs.BOM_UTF8))
        if self.codec.startswith("utf-8") and self.line_end == "\n":
            return stream
        return io.BufferedReader(_Transcoded(stream, self.codec.removesuffix("-sig"), self.line_end))


class _Transcoded(io.RawIOBase):
    """Raw stream in UTF-8 with newlines, of a stream in another encoding, which stays open."""

    def __init__(self, stream: BinaryIO, codec: str, line_end: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(codec)("surrogateescape")
        self._line_end = line_end
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and (chunk := self._stream.read(len(buffer))):
            text = self._decoder.decode(chunk).replace(self._line_end, "\n")
            self._rest = text.encode("utf-8", "surrogateescape")
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def detect(path: Path) -> Encoding:
    """Encoding of a file, which is read once.

    A file that is not valid UTF-8 is Windows-1252 if it could be and reads like a Western text, else UTF-8 with broken
    rows. Raises `InvalidField` for UTF-16 or UTF-32 that cannot be decoded.
    """
    with path.open("rb") as stream:
        start = stream.read(_START)
        stream.seek(0)
        codec = next((codec for mark, codec in _MARKS if start.startswith(mark)), None) or _without_mark(start)
        ends = _LineEnds()
        damage = _damage(stream, codec, ends)
        if not damage:
            return Encoding(codec, ends.found())
        if not codec.startswith("utf-8"):
            raise InvalidField(f"{path.name}: text", f"a damaged file ({damage})", _ADVICE)
        stream.seek(0)
        evidence = _Evidence()
        while chunk := stream.read(_CHUNK):
            ends.add(chunk.decode("latin-1"))
            evidence.add(chunk)
    if codec != "utf-8" or not evidence.is_windows():
        return Encoding(codec, ends.found(), is_damaged=True)
    return Encoding("cp1252", ends.found())


def _without_mark(start: bytes) -> str:
    even, odd = start[::2], start[1::2]
    if len(start) == _START and not odd.strip(b"\0") and b"\0" not in even:
        return "utf-16-le"
    if len(start) == _START and not even.strip(b"\0") and b"\0" not in odd:
        return "utf-16-be"
    return "utf-8"


def _damage(stream: BinaryIO, codec: str, ends: "_LineEnds") -> str:
    """Reason why the rest of a stream is not of an encoding; empty if it is."""
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        while chunk := stream.read(_CHUNK):
            ends.add(decoder.decode(chunk))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return error.reason
    return ""


class _LineEnds:
    """Line endings of a file: files of old spreadsheets on the Macintosh have only carriage returns."""

    def __init__(self) -> None:
        self._has_newline = self._has_return = False

    def add(self, text: str) -> None:
        self._has_newline = self._has_newline or "\n" in text
        self._has_return = self._has_return or "\r" in text

    def found(self) -> str:
        return "\r" if self._has_return and not self._has_newline else "\n"


class _Evidence:
    """Bytes of a file, counted by the encodings that they speak for."""

    def __init__(self) -> None:
        self._sequences = self._high = self._foreign = self._unassigned = 0

    def add(self, chunk: bytes) -> None:
        if chunk.isascii():
            return
        rest, sequences = _SEQUENCE.subn(b" ", chunk)
        self._sequences += sequences
        self._high += len(_HIGH.findall(rest))
        self._unassigned += len(_UNASSIGNED.findall(rest))
        self._foreign += sum(map(len, _RUN.findall(rest))) + len(_SYMBOL_IN_WORD.findall(rest))

    def is_windows(self) -> bool:
        """Verdict for Windows-1252: all bytes are assigned, few look like UTF-8 or like letters of other code pages."""
        return not self._unassigned and self._high >= _MANY * (self._sequences + self._foreign)
