"""What libraries take for granted and a container may not have: a home, places for files, a user's name."""

import getpass
import logging
import os
import tempfile
from pathlib import Path

_log = logging.getLogger(__name__)

_USUAL = ("/tmp", "/var/tmp", "/usr/tmp")
"""Where Python and SQLite put temporary files when no variable says another place."""


def provide(home: Path) -> None:
    """Give this process and its children a home and places for temporary files and caches, where they have none.

    Without a home Prefect does not start, without temporary files its database does not, and without a cache numba,
    which mmdet loads, does not. What is there is left as it is.

    Args:
        home: a folder of the project that may be deleted at any time; made when it is needed.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(_made(home))
        _log.info("this user has no home; %s stands in for it", home)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if not _is_usable(next(place for place in (cache, *cache.parents) if os.path.exists(place))):
        os.environ["XDG_CACHE_HOME"] = str(_made(home / "cache"))
        _log.info("%s cannot be written; %s stands in for it", cache, home / "cache")
    if not any(_is_usable(place) for place in (os.environ.get("TMPDIR", ""), *_USUAL)):
        folder = str(_made(home / "tmp"))
        os.environ |= {"TMPDIR": folder, "SQLITE_TMPDIR": folder}
        # It may have chosen another place before.
        tempfile.tempdir = None
        _log.info("there is no place for temporary files; %s stands in for it", folder)


def user_name() -> str:
    """Return who gives this command, for people: the name of the account or, where it has none, its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_usable(place: str | Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK, effective_ids=effective)
