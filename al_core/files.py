"""Write files whole or not at all, and say names that are no text."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from al_core.errors import OutputExists


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a place to write to, and put what is there in the place of ``path`` when the block ends well.

    Readers see the old content or the new, never half of it, also when this process is killed. Where the block raises,
    ``path`` is as it was. Folders above it are made as they are needed. A folder cannot be exchanged in one act: what
    is there is moved aside just before, and moved back where the new one cannot follow.

    Args:
        path: a file or a folder, there or not.

    Yields:
        A hidden path beside it, on the same file system, at which nothing lies; its name keeps the suffix and is like
        no other, so that several processes and threads may write the same file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.{os.urandom(6).hex()}.part{path.suffix}")
    previous = unfinished.with_name(f"{unfinished.name}.previous")
    try:
        yield unfinished
        if path.exists() and (path.is_dir() or unfinished.is_dir()):
            path.rename(previous)
        os.replace(unfinished, path)
    except BaseException:
        # The error itself matters more, also where the disk refuses the removal.
        with suppress(OSError):
            _remove(unfinished)
        if previous.exists() and not path.exists():
            previous.rename(path)
        raise
    _remove(previous)


def write_whole(path: Path, data: bytes) -> None:
    """Write bytes to a file, whole or not at all (see :func:`replaced`)."""
    with replaced(path) as unfinished:
        unfinished.write_bytes(data)


def check_spared(out: Path, precious: Iterable[Path]) -> None:
    """Check that what is written to a file or folder takes the place of nothing that must stay.

    Raises:
        OutputExists: ``out`` is one of these paths, or holds one.
    """
    place = out.resolve()
    for path in precious:
        kept = path.resolve()
        if place == kept or place in kept.parents:
            raise OutputExists(f"{out} is, or holds, {kept}, which would be lost: choose another name")


def json_bytes(content: Any) -> bytes:
    """Return JSON that people can read too."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def noted_in(path: Path) -> dict[str, Any]:
    """Return what a file of JSON holds by key; nothing where there is no file, or it is damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def printable(text: str | Path) -> str:
    """Return text in which names of files that are no UTF-8 are escaped, byte by byte, e.g. as "caf\\xe9.mp4"."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def is_printable(name: str | Path) -> bool:
    """Tell whether a name can be written down: in the ledger, on the terminal, on a page."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
