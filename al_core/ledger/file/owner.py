"""Which process owns the ledger file, and how to reach it: a small file beside the ledger.

The file only says where to look. A process that was killed leaves it behind, so whoever reads it asks the owner too.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from al_core.files import replaced


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that keeps the ledger file open and carries out operations for others.

    Attributes:
        url: where it answers, e.g. "http://127.0.0.1:8600", without a slash at the end.
        secret: what a process of the same user shows to be let in.
        instance: what the owner calls itself when anybody asks; no secret. It tells one owner from the next.
        certificate: absolute path of the certificate that it answers with; empty without TLS.
    """

    pid: int
    url: str
    secret: str = field(repr=False)
    instance: str
    certificate: str = ""


def owner_path(ledger: Path) -> Path:
    """Return where the owner of a ledger file is noted."""
    return ledger.with_name("owner.json")


def write_owner(ledger: Path, owner: Owner) -> None:
    """Note the owner; only this user may read it. What an earlier owner left is replaced."""
    with replaced(owner_path(ledger)) as new:
        new.touch(0o600, exist_ok=False)
        new.write_text(json.dumps(asdict(owner)), encoding="utf-8")


def read_owner(ledger: Path) -> Owner | None:
    """Return the owner that is noted, alive or not; None when there is no note, or none that can be read."""
    try:
        return Owner(**json.loads(owner_path(ledger).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def remove_owner(ledger: Path, owner: Owner) -> None:
    """Take the note away, if it is still this owner's."""
    if read_owner(ledger) == owner:
        owner_path(ledger).unlink(missing_ok=True)


def runs(pid: int) -> bool:
    """Tell whether there is a process of this number; it may be another one than it was."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
