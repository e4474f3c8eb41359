"""Which process owns the ledger file, and how to reach it: a small file beside the ledger.

The file only says where to look. A process that was killed leaves it behind, so whoever reads it asks the owner too.
In a copy of a project it still names the owner of the original, so what it says counts only for the very file that it
was written about.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from al_core.files import replaced
from al_core.ledger.file.signature import Signature


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that keeps the ledger file open and carries out operations for others.

    Attributes:
        by: the process, and the file that it owns.
        url: where it answers, e.g. "http://127.0.0.1:8600", without a slash at the end.
        secret: what a process of the same user shows to be let in.
        instance: what the owner calls itself when anybody asks; no secret. It tells one owner from the next.
        certificate: absolute path of the certificate that it answers with; empty without TLS.
        links_to: where the links of people lead to; empty where that is ``url``.
    """

    by: Signature
    url: str
    secret: str = field(repr=False)
    instance: str
    certificate: str = ""
    links_to: str = ""

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self.by.pid


def owner_path(ledger: Path) -> Path:
    """Return where the owner of a ledger file is noted."""
    return ledger.with_name("owner.json")


def write_owner(ledger: Path, owner: Owner) -> None:
    """Note the owner; only this user may read it. What an earlier owner left is replaced."""
    with replaced(owner_path(ledger)) as new:
        new.touch(0o600, exist_ok=False)
        known = asdict(owner)
        if not owner.links_to:
            # Versions before this field was there read the note too.
            del known["links_to"]
        new.write_text(json.dumps(known), encoding="utf-8")


def noted_owner(ledger: Path) -> Owner | None:
    """Return the owner that is noted, alive or not, of this file or of another; None where no note can be read."""
    try:
        content = json.loads(owner_path(ledger).read_text(encoding="utf-8"))
        return Owner(**content | {"by": Signature(**content["by"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def is_hidden(ledger: Path) -> bool:
    """Tell whether an owner is noted that this user may not read of."""
    place, effective = owner_path(ledger), os.access in os.supports_effective_ids
    return place.exists() and not os.access(place, os.R_OK, effective_ids=effective)


def read_owner(ledger: Path) -> Owner | None:
    """Return the owner that is noted, alive or not; None when there is no note, or none about this very file."""
    noted = noted_owner(ledger)
    return noted if noted is not None and noted.by.is_about(ledger) else None


def foreign_note(ledger: Path) -> str | None:
    """Say what a note is worth that came along with a copy or a move; None where it is about this file, or is none.

    One that names this very place is left over: the file was replaced, or the machine started anew.
    """
    noted = noted_owner(ledger)
    if noted is None or noted.by.path == str(ledger.resolve()):
        return None
    return (
        f"{owner_path(ledger)} came with a copy or a move: it names {noted.by.who}, which served {noted.by.path} at "
        f"{noted.url}, and is ignored"
    )


def remove_owner(ledger: Path, owner: Owner) -> None:
    """Take the note away, if it is still this owner's."""
    if noted_owner(ledger) == owner:
        owner_path(ledger).unlink(missing_ok=True)
