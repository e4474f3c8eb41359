"""Read a large JSON file entry by entry, so that only one entry of its lists is in memory at a time."""

import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from al_core.errors import BadLabel

_CHUNK = 1 << 20
_SPACE = " \t\r\n"
_ENDS = tuple(_SPACE + ",:]}")


@contextmanager
def reading_json(path: Path) -> Iterator[None]:
    """Say of a file that is read within that it is no JSON, where that turns out.

    Raises:
        BadLabel: it cannot be read.
    """
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:
        raise BadLabel(f"{path.name}: {no_json(error)}") from None


def no_json(error: OSError | ValueError | RecursionError) -> str:
    """Say why a file cannot be read as JSON, and what to do about it."""
    mend = "Save it as UTF-8" if isinstance(error, UnicodeError) else "Copy it again, or export it again"
    return f"cannot be read as JSON ({error}). {mend}"


class JsonItems:
    """A file that holds one JSON object.

    Args:
        on_progress: called now and then with the share of the file that was read, in [0, 1].
    """

    def __init__(self, path: Path, on_progress: Callable[[float], None] | None = None) -> None:
        self._path = path
        self._on_progress = on_progress
        self.lists: set[str] = set()
        """The keys that turned out to hold lists."""

    def entries(self, lists: Collection[str]) -> Iterator[tuple[str, Any]]:
        """Yield (key, value) of the object, in the order of the file.

        Of a key of ``lists`` whose value is a list, each entry comes by itself. Lists of other keys are passed over.

        Raises:
            ValueError: the file is no JSON.
            TypeError: it holds no object; the message says what else.
            OSError: it cannot be read.
        """
        with self._path.open("rb") as raw:
            encoding = json.detect_encoding(raw.read(4))
        with self._path.open(encoding=encoding) as file:
            reader = _Reader(file, os.path.getsize(self._path), self._on_progress)
            first = reader.peek()
            if first and first != "{":
                raise TypeError(f"a {type(reader.value()).__name__}")
            reader.expect("{")
            while reader.more("}"):
                key = reader.value()
                reader.expect(":")
                if reader.peek() != "[":
                    yield key, reader.value()
                    continue
                self.lists.add(key)
                reader.expect("[")
                while reader.more("]"):
                    entry = reader.value()
                    if key in lists:
                        yield key, entry
            if reader.peek():
                raise ValueError("there is more behind the end of the object")


class _Reader:
    """Decodes values from a file that is read piece by piece."""

    def __init__(self, file: TextIO, size: int, on_progress: Callable[[float], None] | None) -> None:
        self._file = file
        self._size = max(size, 1)
        self._on_progress = on_progress
        self._decoder = json.JSONDecoder()
        self._text, self._at, self._done = "", 0, False
        self._first = True

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._read():
                return self._text[self._at : self._at + 1]

    def expect(self, character: str) -> None:
        """Go over a character that has to stand here."""
        found = self.peek()
        if found != character:
            raise ValueError(f"expected {character!r}, got {found!r}" if found else "it ends too early")
        self._at += 1
        self._first = True

    def more(self, end: str) -> bool:
        """Go over a comma, or over the end of a list or object; tell whether an entry follows."""
        if self.peek() == end:
            self._at += 1
            self._first = False
            return False
        if not self._first:
            self.expect(",")
        self._first = False
        return True

    def value(self) -> Any:
        """Decode one value."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._read():
                    continue
                raise
            # A number goes on where neither a space nor the next part of the file follows it.
            if self._text[end : end + 1] not in _ENDS and self._read():
                continue
            self._at = end
            self._first = False
            return value

    def _read(self) -> bool:
        """Read on, and forget what was decoded; tells whether there was more."""
        rest = self._text[self._at :]
        # An entry that is longer than a piece is met again with pieces that grow.
        more = "" if self._done else self._file.read(max(_CHUNK, len(rest)))
        self._done = not more
        self._text, self._at = rest + more, 0
        if self._on_progress is not None and more:
            self._on_progress(min(self._file.buffer.tell() / self._size, 1.0))
        return bool(more)
