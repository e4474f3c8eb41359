"""Masks copied from the human frames around and from frames just seen, by how alike things look.

After MAMP (Miao, Bennamoun, Gao, Mian: "Self-Supervised Video Object Segmentation by Motion-Aware Mask Propagation",
ICME 2022). A frame is compared with a memory of other frames: the human frames around it, and some frames just
before it with the masks that were found there. Keys and masks of the memory are first brought to the frame along
the optical flow; then each cell takes the masks of the cells that look most like it, from a window around it and
from the whole memory at once. So the flow need only be about right, and what was hidden is found again.

Two things differ from MAMP. Human frames lie on both sides, so the clip is walked in both directions and the two
results are blended. A cell carries the masks of its 4 x 4 pixels, not their mean, so that outlines stay sharp.

``tests/bench/proofs/affinity_proof.py`` compares it with flow alone, raw colour and random weights.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import Size, shrink
from al_core.propagation.affinity.encoder import STRIDE, Describe
from al_core.propagation.affinity.local_affinity import copy, with_norm
from al_core.propagation.base import Labels, PropagatedFrame
from al_core.propagation.flow import targets
from al_core.propagation.labelled_clip import Reader, check_labels, reader
from al_core.propagation.walks import Found, Run, walked
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import ClipFlow, Flow, FlowStore

HORIZON = 64
"""Frames over which a human frame beyond the nearest one is brought along the flow; farther ones are left out."""

LEAST = 0.02
"""Smaller probabilities count as 0, so that masks do not grow a fringe that has to be searched."""


@dataclass(frozen=True)
class Matching:
    """How the memory is made and searched.

    Attributes:
        radius: cells of the window in each direction.
        k: matches that a cell takes its masks from.
        prior: what a match's distance costs, per squared cell.
        doubling: what it costs to be twice as far, in frames, from the human frame that a mask comes from.
        recent: the frames just seen that are remembered, in frames before this one.
        beyond: human frames that are remembered on the side that the walk comes from, beyond the nearest one.
        opposite: whether the nearest human frame on the other side is remembered.
        aligned: whether the memory is brought to the frame along the flow.
    """

    radius: int = 3
    k: int = 36
    prior: float = 0.3
    doubling: float = 0.5
    recent: tuple[int, ...] = (1, 3)
    beyond: int = 1
    opposite: bool = True
    aligned: bool = True


@dataclass(frozen=True, eq=False)
class _Remembered:
    """A frame in the memory.

    Attributes:
        keys: float32 [c, h, w], by cell.
        masks: float32 [tracks, H, W].
        shift: float32 [H, W, 2], from each pixel of the current frame to the same point here, in pixels.
        distance: frames from the current one to the human frame that the masks come from, over this one.
    """

    keys: Tensor
    masks: Tensor
    shift: Flow
    distance: int = 0


@dataclass(frozen=True, eq=False)
class AffinityPropagator:
    """Propagation by copying labels between what looks alike; ``features`` gives, for a clip and the size of its flow,
    what describes a frame."""

    store: FlowStore
    settings: PropagationSettings
    features: Callable[[ClipFrames, Size], Describe]
    matching: Matching = Matching()

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order, at the flow's size (see :class:`Propagator`).

        Memory: some frames of features; what the walk backward finds between two human frames waits in a temporary
        file.
        """
        check_labels(frames, labels)
        flow = self.store.clip(frames, self.settings.flow_long_side, self.settings.flow_preset)
        if not any(labels.values()):
            yield from (PropagatedFrame(i, {}) for i in range(frames.n_frames))
            return
        describe = self.features(frames, flow.size)
        read = reader(frames, flow.size)

        def walk(tracks: Sequence[int]) -> Run:
            return _Walk(read, labels, flow, describe, self.matching, tracks).run

        yield from walked(frames.n_frames, labels, flow.size, walk)


@dataclass(frozen=True, eq=False)
class _Walk:
    """Walks from one human frame towards the next one, looking for ``tracks``, in the order of the masks' channels."""

    read: Reader
    labels: Labels
    flow: ClipFlow
    describe: Describe
    matching: Matching
    tracks: Sequence[int]

    def run(self, source: int, order: range, opposite: int) -> Iterator[Found]:
        """Yield the masks in the frames of ``order``, the first of which is next to the human frame ``source``.

        Args:
            opposite: the human frame at the other end, or a number that is none.
        """
        humans = [self._human(source), *self._beyond(source, -order.step)]
        far = self._human(opposite) if opposite in self.labels and self.matching.opposite else None
        shifts = self._shifts(order, far.shift) if far is not None else {}
        seen: deque[_Remembered] = deque(maxlen=max(self.matching.recent))
        for i in order:
            step = self._step(i, i - order.step)
            humans = [self._brought(m, step) for m in humans]
            seen = deque((self._brought(m, step) for m in seen), maxlen=seen.maxlen)
            memory = humans + [seen[n - 1] for n in self.matching.recent if n <= len(seen)]
            if far is not None and i in shifts:
                memory.append(replace(far, shift=_enlarged(shifts[i], step.shape), distance=abs(opposite - i)))
            query = self.describe(self.read(i))
            masks = self._copied(query, memory)
            seen.appendleft(_Remembered(query, masks, np.zeros_like(step), abs(i - source)))
            height, width = self.flow.size
            yield Found((masks[:, :height, :width] * 255).round().to(torch.uint8).numpy())

    def _copied(self, query: Tensor, memory: Sequence[_Remembered]) -> Tensor:
        keys, masks = [], []
        for remembered in memory:
            coarse = _reduced(remembered.shift)
            moved, inside = _sample(remembered.keys, coarse)
            cost = self.matching.doubling * log2(remembered.distance)
            keys.append(with_norm(moved[None], inside[None], cost)[0])
            masks.append(functional.pixel_unshuffle(_sample(remembered.masks, remembered.shift)[0], STRIDE))
        m = self.matching
        found = copy(query, torch.stack(keys), torch.stack(masks), m.radius, m.k, m.prior)
        copied = functional.pixel_shuffle(found, STRIDE)
        return torch.where(copied < LEAST, 0.0, copied)

    def _human(self, mark: int) -> _Remembered:
        keys = self.describe(self.read(mark))
        height, width = self.flow.size
        masks = torch.zeros(len(self.tracks), keys.shape[1] * STRIDE, keys.shape[2] * STRIDE)
        for number, track in enumerate(self.tracks):
            if track in self.labels[mark]:
                patch = shrink(self.labels[mark][track], self.flow.size)
                masks[number][patch.window.slices] = torch.from_numpy(patch.values)
        masks[:, height:] = masks[:, height - 1 : height]
        masks[:, :, width:] = masks[:, :, width - 1 : width]
        return _Remembered(keys, masks, np.zeros((*masks.shape[1:], 2), np.float32))

    def _beyond(self, source: int, step: int) -> list[_Remembered]:
        """Return human frames on the side that the walk comes from, brought to the nearest one."""
        marks = [mark for mark in sorted(self.labels, reverse=step < 0) if (mark - source) * step > 0]
        found = []
        for mark in marks[: self.matching.beyond]:
            if abs(mark - source) <= HORIZON:
                human = self._human(mark)
                for i in range(mark - step, source - step, -step):
                    human = self._brought(human, self._step(i, i + step))
                found.append(human)
        return found

    def _shifts(self, order: range, shift: Flow) -> Mapping[int, NDArray[np.float16]]:
        """Return the shifts from the last frames of ``order``, as far as the horizon, to the one after it, by cell.

        Args:
            shift: from the frame after it to itself, float32 [h, w, 2] of zeros.
        """
        shifts = {}
        for i in reversed(order[-HORIZON:]):
            shift = _composed(self._step(i, i + order.step), shift)
            shifts[i] = (_reduced(shift) * STRIDE).astype(np.float16)
        return shifts

    def _brought(self, remembered: _Remembered, step: Flow) -> _Remembered:
        shift = _composed(step, remembered.shift) if self.matching.aligned else remembered.shift
        return replace(remembered, shift=shift, distance=remembered.distance + 1)

    def _step(self, here: int, there: int) -> Flow:
        """Return the flow from a frame to its neighbour, up to whole cells; zero where nothing is to be aligned."""
        height, width = self.flow.size
        if not self.matching.aligned:
            return np.zeros((height + -height % STRIDE, width + -width % STRIDE, 2), np.float32)
        forward, backward = self.flow.pair(min(here, there))
        step = forward if there > here else backward
        return np.pad(step, ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0)), mode="edge")


def _composed(step: Flow, shift: Flow) -> Flow:
    """Return the shift by one step and on from there, float32 [h, w, 2]."""
    x, y = targets(step)
    return np.asarray(step + cv2.remap(shift, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _reduced(shift: Flow) -> Flow:
    """Turn a shift by pixel into one by cell, in cells."""
    height, width = shift.shape[:2]
    size = (width // STRIDE, height // STRIDE)
    return np.asarray(cv2.resize(shift, size, interpolation=cv2.INTER_AREA) / STRIDE, np.float32)


def _enlarged(shift: NDArray[np.float16], shape: tuple[int, ...]) -> Flow:
    """Turn a shift by cell into one by pixel."""
    return np.asarray(cv2.resize(shift.astype(np.float32), shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _sample(planes: Tensor, shift: Flow) -> tuple[Tensor, Tensor]:
    """Return what lies at the end of each pixel's shift, float32 [c, h, w], and whether that is inside, bool [h, w]."""
    height, width = shift.shape[:2]
    if not shift.any():
        return planes, torch.ones(height, width, dtype=torch.bool)
    x, y = targets(shift)
    grid = np.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], axis=-1)
    sampled = functional.grid_sample(
        planes[None], torch.from_numpy(grid)[None], padding_mode="border", align_corners=False
    )
    return sampled[0], torch.from_numpy((x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5))
