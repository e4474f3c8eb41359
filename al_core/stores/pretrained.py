"""Networks that were trained once on the footage of a whole project, kept beside its ledger.

A round goes by the newest one that was there when it began, so that nothing changes below a round that is under way.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from al_core.errors import BadCheckpoint, DamagedFile
from al_core.files import json_bytes, write_whole
from al_core.settings import OF_PROJECT, PropagationSettings, Table

USERS: Table[frozenset[str]] = Table(
    "kind of network",
    {"encoder": frozenset({"affinity", "tracks"}), "parent": frozenset({"specialist"}), "depth": frozenset()},
)
"""The propagators that work with each kind."""

BY_THEMSELVES = frozenset({"encoder"})
"""The kinds that are used once they are there; the others where the settings ask for them (docs/propagation.md)."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """One network.

    Attributes:
        kind: as :data:`USERS` names them.
        sha256: of its weights, 64 hex digits; their file is named after it.
        made_at: when it was done, UTC without zone.
        ended_at: from when on no round begins with it; None while there is no such time.
        videos, frames, steps: what it learnt from, and for how long.
    """

    kind: str
    sha256: str
    made_at: datetime
    videos: int
    frames: int
    steps: int
    ended_at: datetime | None = None

    def serves(self, at: datetime | None) -> bool:
        """Tell whether a round that begins at a time (None: now) may work with it."""
        if at is None:
            return self.ended_at is None
        return self.made_at <= at and (self.ended_at is None or at < self.ended_at)

    def describe(self) -> str:
        """Describe it for a person."""
        return (
            f"{self.kind} learnt on {self.frames:,} frames of {self.videos:,} video{'' if self.videos == 1 else 's'} "
            f"in {self.steps:,} steps, {self.made_at:%Y-%m-%d %H:%M} UTC"
        )


@dataclass(frozen=True)
class PretrainedNetworks:
    """The networks of a project; ``folder`` need not be there."""

    folder: Path

    def all(self) -> list[Pretrained]:
        """Return all, the oldest first.

        Raises:
            DamagedFile: the list cannot be read.
        """
        try:
            rows = json.loads(self._list.read_text(encoding="utf-8"))
            return [_read(row) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedFile(
                f"{self._list}: expected a list of trained networks, it cannot be read ({error}); restore it from a "
                "backup, or delete it and train again"
            ) from None

    def newest(self) -> list[Pretrained]:
        """Return the one of each kind that rounds go by which begin now."""
        return list({one.kind: one for one in self.all() if one.serves(None)}.values())

    def path(self, one: Pretrained) -> Path:
        """Return the file of a network's weights."""
        return self.folder / f"{one.kind}-{one.sha256[:12]}.pt"

    def card(self, one: Pretrained) -> Path:
        """Return the file that says for people what a network learnt from; only some have one."""
        return self.path(one).with_suffix(".md")

    def serving(self, kind: str, at: datetime | None) -> Pretrained | None:
        """Return the network of a kind that a round works with which began at a time (None: now); None without one."""
        return next((one for one in reversed(self.all()) if one.kind == kind and one.serves(at)), None)

    def add(self, one: Pretrained, weights: bytes, card: str = "") -> None:
        """Keep a network, and what is said of it; it takes the place of earlier ones for rounds that begin from now
        on."""
        write_whole(self.path(one), weights)
        if card:
            write_whole(self.card(one), card.encode())
        self._write([*self.all(), one])

    def end(self, kind: str, at: datetime) -> bool:
        """Let rounds that begin from now on do without those of a kind; returns whether there was one."""
        known = self.all()
        ended = [replace(o, ended_at=at) if o.kind == kind and o.ended_at is None else o for o in known]
        if ended != known:
            self._write(ended)
        return ended != known

    @property
    def _list(self) -> Path:
        return self.folder / "networks.json"

    def _write(self, networks: list[Pretrained]) -> None:
        write_whole(self._list, json_bytes([asdict(one) | _times(one) for one in networks]))


def used(
    settings: PropagationSettings, known: Sequence[Pretrained], began: datetime | None = None
) -> dict[str, Pretrained]:
    """Return the networks that propagators work with by these settings, by kind, in a round that began at a time.

    An encoder is used wherever the settings name no other one. What the settings ask for by name may also have been
    made since the round began: the settings then hold in it, too.

    Args:
        known: all that the project has, the oldest first.

    Raises:
        BadCheckpoint: the settings ask for the project's, and there is none.
    """
    methods, found = set(settings.candidates), dict[str, Pretrained]()
    for kind, asked in (("encoder", settings.encoder), ("parent", settings.parent)):
        named = asked == OF_PROJECT
        if not named and (asked or kind not in BY_THEMSELVES):
            continue
        mine = [one for one in known if one.kind == kind]
        serving = [one for one in mine if one.serves(began)][-1:]
        later = [one for one in mine if one.serves(None)][:1] if named else []
        if named and not (serving or later):
            raise BadCheckpoint(
                f"propagation.{kind}: '{OF_PROJECT}' stands for the one that this project learnt, and there is none; "
                f"train it with: fewframes pretrain --{kind}"
            )
        if (serving or later) and USERS[kind] & methods:
            (found[kind],) = serving or later
    return found


def weights_to_start_from(name: str, networks: PretrainedNetworks, began: datetime | None = None) -> Path | None:
    """Return the file that ``student.init_weights`` stands for, in a round that began at a time; None for none.

    Raises:
        BadCheckpoint: the network of depth of the project is asked for, and there is none. DamagedFile: the list
            cannot be read.
    """
    if name != OF_PROJECT:
        return Path(name).expanduser() if name else None
    return networks.path(depth_of(networks, "student.init_weights", began))


def depth_of(networks: PretrainedNetworks, asked_by: str, began: datetime | None = None) -> Pretrained:
    """Return the network of depth that a round works with which began at a time.

    Args:
        asked_by: the setting that needs it.

    Raises:
        BadCheckpoint: there is none. DamagedFile: the list cannot be read.
    """
    # What a setting asks for may also have been made since the round began.
    found = networks.serving("depth", began) or networks.serving("depth", None)
    if found is None:
        raise BadCheckpoint(
            f"{asked_by}: it needs what this project learnt of depth, and there is nothing; train it with: "
            "fewframes pretrain --depth"
        )
    return found


def with_networks(
    settings: PropagationSettings, networks: PretrainedNetworks, began: datetime | None = None
) -> PropagationSettings:
    """Return settings in which the networks of :func:`used` are named by their files.

    Raises:
        BadCheckpoint: the settings ask for the project's, and there is none. DamagedFile: the list cannot be read.
    """
    files = {kind: str(networks.path(one)) for kind, one in used(settings, networks.all(), began).items()}
    return settings.model_copy(update=files) if files else settings


def _read(row: Mapping[str, object]) -> Pretrained:
    ended = row["ended_at"]
    return Pretrained(
        USERS.check(str(row["kind"])),
        str(row["sha256"]),
        datetime.fromisoformat(str(row["made_at"])),
        int(str(row["videos"])),
        int(str(row["frames"])),
        int(str(row["steps"])),
        None if ended is None else datetime.fromisoformat(str(ended)),
    )


def _times(one: Pretrained) -> dict[str, str | None]:
    return {"made_at": one.made_at.isoformat(), "ended_at": None if one.ended_at is None else one.ended_at.isoformat()}
