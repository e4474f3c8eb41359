"""What every way to discover is made of, starts from and yields."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from al_core.discovery.given import Given, Hint
from al_core.errors import NotReady
from al_core.footage.clips import ClipFrames
from al_core.masks.soft import SoftMask
from al_core.records import ONE_SHOT, Progress, Shots
from al_core.stores.optical_flow import FlowStore

Found = Iterator[tuple[int, "tuple[FoundObject, ...]"]]
"""Every frame of a clip, in order, with what was found in it, the most certain first."""


@dataclass(frozen=True, eq=False)
class FoundObject:
    """Something that was found in a frame.

    Attributes:
        track_id: the object's number within its video, from 1.
        confidence: in [0, 1].
        mask: at the size of the frame.
        category_id: what it is; 0 where nothing tells, and the video's first category is shown.
        known: the number is that of an object that people drew; otherwise it is counted on from theirs.
    """

    track_id: int
    confidence: float
    mask: SoftMask
    category_id: int = 0
    known: bool = False


@dataclass(frozen=True, eq=False)
class DiscoveryClip:
    """A video in which objects are looked for.

    Attributes:
        video_id: by which :class:`~al_core.discovery.given.Given` knows it.
        frames: at working size; what is found has their size.
        shots: nothing is followed over a cut.
    """

    video_id: int
    name: str
    frames: ClipFrames
    shots: Shots = ONE_SHOT


@dataclass(frozen=True, eq=False)
class Means:
    """What ways to discover work with.

    Attributes:
        flow: keeps optical flow.
        cache: a folder for what may be computed again: what was learnt, and how far a learning is that was stopped.
        seed: of the project.
        encoder: the weights of the project's encoder, see ``fewframes pretrain --encoder``; None without one.
        backbone: weights of another network, as the settings name them; None for those that are installed.
    """

    flow: FlowStore
    cache: Path
    seed: int = 0
    encoder: Path | None = None
    backbone: Path | None = None


@dataclass(frozen=True, eq=False)
class Discoverer(ABC):
    """A way to discover: it learns once from all that is there, and finds video by video.

    Attributes:
        name: by which settings and ``fewframes discover --method`` know it.
        needs: what people must have given, at least one of each; without any, it can look before anybody has labelled.
        moving: it finds nothing in a single frame.
        takes_shapes: it learns from masks of other pictures, if there are any.
    """

    means: Means

    name: ClassVar[str]
    needs: ClassVar[tuple[Hint, ...]] = ()
    moving: ClassVar[bool] = False
    takes_shapes: ClassVar[bool] = False

    def check(self, given: Given, clips: Sequence[DiscoveryClip]) -> None:
        """Refuse labels with which nothing can be found, before anything is learnt.

        Raises:
            NotReady: they lack what it needs; one line says what. BadLabel: they cannot be used.
        """
        lacking = [hint.value for hint in self.needs if not given.count(hint)]
        if lacking:
            raise NotReady(
                f"discovery by '{self.name}' starts from {' and '.join(lacking)} that people gave, and there are none "
                f"yet; label some frames with {' and '.join(lacking)} first, or look for what moves: "
                "fewframes discover --method motion"
            )

    def learn(
        self,
        clips: Sequence[DiscoveryClip],
        given: Given,
        rng: np.random.Generator,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """Learn from the whole footage and what people gave, before anything is looked for; most need not.

        A learning that was stopped goes on where it was, by what it kept in ``means.cache``.

        Returns:
            In how many steps it learnt; 0 where nothing had to be.
        """
        return 0

    def kept(self, given: Given) -> list[Path]:
        """Return the files of ``means.cache`` in which it keeps what :meth:`find` needs; most keep nothing there."""
        return []

    def at(self, means: Means) -> Self:
        """Return the same way, with what it learnt, for another machine."""
        moved = copy(self)
        object.__setattr__(moved, "means", means)
        return moved

    def told(self, given: Given) -> str:
        """Return in some words what was learnt, where people should know; empty otherwise."""
        return ""

    @abstractmethod
    def find(
        self, clip: DiscoveryClip, given: Given, rng: np.random.Generator, on_frame: Callable[[int], None] | None = None
    ) -> Found:
        """Yield every frame of a clip with what was found in it.

        Args:
            given: what people said, of all videos.
            on_frame: told how many frames have been looked at.
        """
