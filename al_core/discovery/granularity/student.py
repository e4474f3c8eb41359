"""Objects found by a student of the motion teacher: it has seen what moves, and finds it where it stands still, too.

It learns on the footage of the whole project, some minutes, and is kept in the cache. What it says of a frame is
taken together with what moves there, and followed over time as the motion teacher's objects are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from itertools import islice

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from al_core.discovery.colours import with_colours
from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Found
from al_core.discovery.given import Given
from al_core.discovery.granularity.lesson import SIDE, lesson_of, padded
from al_core.discovery.granularity.losses import USUAL, Weights
from al_core.discovery.granularity.memory_network import GranularityNetwork, new_network
from al_core.discovery.granularity.student_training import STEPS, memory_of, train
from al_core.discovery.motion import LONG_SIDE, PRESET, STRETCH, chances, followed
from al_core.discovery.moving_objects import stretches
from al_core.errors import NotReady
from al_core.fingerprint import fingerprint
from al_core.footage.clips import ClipFrames
from al_core.footage.images import resized, working_size
from al_core.networks.network_state import Checkpoint, kept_or_trained
from al_core.propagation.affinity.encoder import load_encoder, to_lab
from al_core.records import Progress
from al_core.stores.disk_cache import DiskCache

Map = NDArray[np.float32]

MOTION = 0.5
"""What the motion teacher's log odds count beside the student's, in [0, 1]."""

MEMORY_STRETCH = 128
"""Frames of a shot that share a memory."""

CACHE_BYTES = 200_000_000

_FORMAT = "granularity3"
_LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class GranularityStudent(Discoverer):
    """Finds what a network takes for an object that learnt from what moves in all videos.

    Attributes:
        weights: of the losses.
        steps: of the training.
        motion: what the motion teacher's log odds count beside the student's, in [0, 1]; 0: it finds objects by
            appearance alone.
    """

    weights: Weights = USUAL
    steps: int = STEPS
    motion: float = MOTION
    _learnt: list[GranularityNetwork] = field(default_factory=list)

    name = "granularity"

    def learn(
        self,
        clips: Sequence[DiscoveryClip],
        given: Given,
        rng: np.random.Generator,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """Train the network, unless it is kept for the same footage; people need give nothing.

        Raises:
            NotReady: in no video anything was found to move, so there is no teacher.
        """
        disk = DiskCache(self.means.cache, CACHE_BYTES)
        network = new_network(self.means.seed)
        if self.means.encoder is not None:
            network.encoder.load_state_dict(load_encoder(self.means.encoder).state_dict())
        encoder = None if self.means.encoder is None else self.means.encoder.name
        footage = [[clip.frames.sha256, list(clip.frames.size), clip.shots.to_json()] for clip in clips]
        key = fingerprint([_FORMAT, footage, self.means.seed, self.steps, astuple(self.weights), encoder])

        def train_now(keep: Checkpoint) -> None:
            def looked(done: int, shots: int) -> None:
                if on_progress is not None:
                    on_progress(Progress(0, self.steps, f"what moves in shot {done} of {shots}"))

            shots = lesson_of([(clip.frames, clip.shots) for clip in clips], self.means.flow, looked)
            if not shots:
                raise NotReady(
                    f"discovery by '{self.name}' learns from what moves, and nothing was found to move in "
                    f"{len(clips)} video{'' if len(clips) == 1 else 's'}; label some frames instead"
                )
            train(network, shots, self.means.seed, self.weights, self.steps, keep, on_progress)

        self._learnt[:] = [kept_or_trained(disk, key, network, train_now)]
        return self.steps

    def counting(self, motion: float) -> "GranularityStudent":
        """Return the same student, for which motion counts so much."""
        return replace(self, motion=motion)

    @property
    def network(self) -> GranularityNetwork:
        """The network, once it learnt.

        Raises:
            NotReady: it did not yet.
        """
        if not self._learnt:
            raise NotReady(f"discovery by '{self.name}' has not learnt yet")
        return self._learnt[0]

    def find(
        self, clip: DiscoveryClip, given: Given, rng: np.random.Generator, on_frame: Callable[[int], None] | None = None
    ) -> Found:
        """Yield every frame with the objects that were found in it, the most certain first; a shot is looked at as a
        whole before its first frame is yielded."""
        flow = self.means.flow.clip(clip.frames, LONG_SIDE, PRESET)
        return followed(clip.frames, flow, clip.shots, lambda shot: self.chances(clip.frames, shot), on_frame)

    def chances(self, frames: ClipFrames, shot: range) -> Iterator[tuple[int, Map]]:
        """Yield how likely each pixel of each frame of a shot belongs to an object, float32 [h, w] in [0, 1]."""
        flow = self.means.flow.clip(frames, LONG_SIDE, PRESET)
        taught = chances(frames, flow, shot) if self.motion and len(shot) > 1 else None
        seen = self._seen(frames, shot)
        for part in stretches(shot, STRETCH):
            odds = []
            for _, own in islice(seen, len(part)):
                both = np.asarray(cv2.resize(own, flow.size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
                if taught is not None:
                    both = (1 - self.motion) * both + self.motion * _odds(next(taught)[1])
                odds.append(both)
            if taught is None:
                found = with_colours(odds, [resized(frames.read(i), flow.size) for i in part])
            else:
                # What the teacher says has been filled in by colours already.
                found = [np.asarray(1 / (1 + np.exp(-both)), np.float32) for both in odds]
            yield from zip(part, found, strict=True)

    @torch.no_grad()
    def _seen(self, frames: ClipFrames, shot: range) -> Iterator[tuple[int, Map]]:
        """Yield the log odds that the network gives each pixel, float32 [h, w] at the size that it sees."""
        size = working_size(*frames.size, SIDE)

        def picture(index: int) -> torch.Tensor:
            return to_lab(padded(resized(frames.read(index), size)))[None]

        for part in stretches(shot, MEMORY_STRETCH):
            memory = torch.cat([self.network.seen(picture(index))[1] for index in memory_of(part)])
            remembered = self.network.remembered(memory)
            for index in part:
                logits = self.network.logits(self.network.seen(picture(index)), remembered)[0]
                yield index, logits[: size[0], : size[1]].numpy()


def _odds(chance: Map) -> Map:
    clipped = np.clip(chance, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float32)
