"""What a fault is, and how many of them are injected in a bounded time."""

import random
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


class Loss(AssertionError):
    """Something that must not be: lost, doubled, different, or told in words that help nobody."""


def expect(holds: Any, otherwise: str) -> None:
    """Raise :class:`Loss` unless something holds."""
    if not holds:
        raise Loss(otherwise)


@dataclass(frozen=True)
class Injection:
    """One fault, and what came of it.

    Attributes:
        where: what was hit, for a person.
        outcome: one of a few words per family, so that they can be counted.
        loss: what was lost, doubled or unclear; empty when nothing was.
    """

    family: str
    where: str
    outcome: str
    seconds: float
    loss: str = ""


class Family(ABC):
    """One kind of fault.

    Attributes:
        name: as ``--only`` takes it.
        fault: what is done, for the table.
        times: injections in the long form.
        short: injections in the short one.

    Args:
        scratch: an empty folder of its own.
        lab: what all families share.
    """

    name: str
    fault: str
    times: int
    short: int = 1

    def __init__(self, scratch: Path, lab: Any) -> None:
        self.scratch = scratch
        self.lab = lab
        self._made = 0

    @abstractmethod
    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Inject one fault and check everything after it; returns (where, outcome).

        Args:
            folder: an empty folder of this injection.

        Raises:
            Loss: something was lost.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to take down
        """Take down what :meth:`inject` left up."""

    def once(self, rng: random.Random) -> Injection:
        """One injection; whatever goes wrong in it is a loss."""
        self._made += 1
        folder = self.scratch / f"{self._made:04d}"
        folder.mkdir(parents=True)
        started = time.monotonic()
        try:
            where, outcome = self.inject(rng, folder)
            loss = ""
        except Loss as error:
            where, outcome, loss = str(folder), "LOSS", str(error)
        except Exception:
            where, outcome, loss = str(folder), "LOSS", traceback.format_exc()
        return Injection(self.name, where, outcome, round(time.monotonic() - started, 2), loss)


@dataclass
class Tally:
    """What came of all injections."""

    injections: list[Injection] = field(default_factory=list)

    def of(self, family: Family) -> list[Injection]:
        """Those of one family."""
        return [i for i in self.injections if i.family == family.name]

    @property
    def losses(self) -> list[Injection]:
        """Those that lost something."""
        return [i for i in self.injections if i.loss]

    def as_json(self) -> list[dict[str, Any]]:
        """One record an injection."""
        return [asdict(i) for i in self.injections]


def in_turn(families: Sequence[Family], seed: int, seconds: float) -> Iterator[Injection]:
    """Inject until every family had its times or the time is over, all at the same pace: none is left out when it is
    short. What each injection draws depends on the seed, its family and its number only."""
    deadline = time.monotonic() + seconds
    most = max(family.times for family in families)
    for number in range(most):
        for family in families:
            # Of ``times`` injections, number i of the longest family's is the (i * times / most)-th.
            if number * family.times // most == (number + 1) * family.times // most:
                continue
            if time.monotonic() > deadline:
                return
            yield family.once(random.Random(f"{seed} {family.name} {number}"))
