"""A specialist for one clip: a small network that is trained on the clip's own labelled frames.

After OSVOS (Caelles et al., "One-Shot Video Object Segmentation", CVPR 2017), with two changes. The network sees
the mask that the flow brought as a further channel, and it is trained on all human frames of the clip. What knows of
pictures in it are not its own weights, which are few, but those of a backbone that stays as it is. One network
serves all objects of a clip and cuts out one at a time, the others being named in a channel of their own. So a
parent fits clips with any number of objects, and training takes equally long for each. What looks alike is told
apart by where the flow says that it is; a clip with one object can be cut out without the flow's help.

It helps most where the flow gets lost. What comes out is the mean of the network's mask and the flow's, weighted by how
sure each is: the two fail in different places.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from al_core.evaluation.calibration import Calibration
from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.footage.clips import ClipFrames
from al_core.footage.images import working_size
from al_core.masks.soft import Patch, Size, Window, patch_of, union
from al_core.networks.network_state import Checkpoint, in_half_precision, kept_or_trained
from al_core.networks.unet import STRIDE, UNet
from al_core.propagation.base import ENOUGH_LABELS, Labels, PropagatedFrame, PropagatedTrack, Propagator
from al_core.propagation.labelled_clip import Without, exclusive, may_overlap, reader, tracks_of
from al_core.propagation.specialist.examples import crop_sizes, labelled_frames, network_input, split
from al_core.propagation.specialist.network import load_weights, new_network
from al_core.propagation.specialist.training import CONTINUED, LEARNING_RATE, train
from al_core.propagation.windows import expected_overlap
from al_core.records import Progress
from al_core.settings import PropagationSettings
from al_core.stores.disk_cache import DiskCache

CACHE_GIGABYTES = 1.0

SURENESS = Calibration(1.65, -1.78)
"""Turns how sure the network is of its mask into an estimate of its overlap with the truth. Fitted to 556 masks of
dog-agility, motorbike and six composites of their objects, nearly all with one label or four."""

CONFIRMED = 0.64
"""Exponent that does so with the mean of three signs of quality, where the flow confirms the mask or objects are
several (see :func:`with_flow`). Fitted to 41 frames of one DAVIS clip only."""

SHARPNESS = 4.0
"""How strongly the surer of network and flow outweighs the other: weights are their expected overlaps to this power. On
three DAVIS clips with 4 labels each, frames seen at full size, mean J is .849 with 3 and with 6, .840 of the network
alone, .811 with equal weights."""

FORMAT = "specialist7"
"""Changes where the same labels lead to other weights."""

_SMALLEST_WINDOW = 96

GOES_ON = 4
"""Labels from which a training goes on from its trial. With two it lost .005 J on nine clips."""


class SpecialistPropagator:
    """Propagation by a network that is trained on the clip.

    Args:
        flow: gives the priors, at the size of ``settings.flow_long_side``.
        cache: folder for trained weights; training continues from half-trained ones.
        wanted: frames that the network looks at; the others are as the flow brings them. None for all.
        trial: half of a training is enough.

    Raises:
        BadCheckpoint: the parent's file is not there or does not fit.
    """

    def __init__(
        self,
        flow: Propagator,
        cache: Path,
        settings: PropagationSettings,
        seed: int = 0,
        on_progress: Callable[[Progress], None] | None = None,
        wanted: frozenset[int] | None = None,
        trial: bool = False,
    ) -> None:
        self._flow = flow
        self._wanted = wanted
        self._trial = trial
        self._disk = DiskCache(cache, int(CACHE_GIGABYTES * 1e9))
        self._settings = settings
        self._seed = seed
        self._on_progress = on_progress
        self._parent = Path(settings.parent) if settings.parent else None
        if self._parent is not None:
            load_weights(self._parent)

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order, at the flow's size (see :class:`Propagator`), after the training.

        Memory: that of the flow, and 64 labelled frames while training.
        """
        carried = self._flow.propagate(frames, labels)
        # The first frame before the training, so that labels that do not fit are refused at once.
        carried = chain([next(carried)], carried)
        tracks = tracks_of(labels)
        looked_at = set(range(frames.n_frames) if self._wanted is None else self._wanted) - set(labels)
        if not tracks or not looked_at:
            yield from carried
            return
        size = working_size(*frames.size, self._settings.flow_long_side)
        network = self._trained(frames, labels, size, self._trial)
        read = reader(frames, size)
        friends = may_overlap(labels)
        for frame in carried:
            if frame.frame_idx not in looked_at:
                yield frame
                continue
            wanted = set(frame.tracks)
            if len(tracks) == 1:
                wanted |= _expected(labels, frame.frame_idx)
            if not wanted:
                yield PropagatedFrame(frame.frame_idx, {})
                continue
            found = _cut_out(network, read(frame.frame_idx), frame, wanted)
            alone = len(tracks) == 1
            judged = {track: with_flow(patch, frame.tracks.get(track), alone) for track, patch in found.items()}
            masks = exclusive({track: patch for track, (patch, _) in judged.items()}, size, friends)
            yield PropagatedFrame(
                frame.frame_idx, {t: PropagatedTrack(m.soft(size), judged[t][1]) for t, m in masks.items()}
            )

    def _trained(self, frames: ClipFrames, labels: Labels, size: Size, trial: bool) -> UNet:
        """Return a network that learnt from some labels.

        A trial takes half of the steps. What is learnt from four labels and more, but fewer than are enough, goes on
        from the trial of every second one: the same weights whether that was made before or is made now.
        """
        all_steps = self._settings.specialist_steps
        key = f"{frames.sha256}/{self._fingerprint(labels, size, trial)}"
        network = load_weights(self._parent) if self._parent is not None else self._new()

        def learn(keep: Checkpoint) -> None:
            goes_on = GOES_ON <= len(labels) < ENOUGH_LABELS and not trial
            if goes_on:
                begun = self._trained(frames, Without(labels, sorted(labels)[1::2]), size, trial=True)
                network.load_state_dict(begun.state_dict())
            sizes = crop_sizes(len(labels), trial)
            examples = list(labelled_frames(frames, labels, size, self._flow, sizes=sizes))
            steps = -(-all_steps // 2) if goes_on or trial else all_steps
            highest = CONTINUED if goes_on else LEARNING_RATE
            train(network, examples, steps, self._seed, keep, self._on_progress, highest)

        return kept_or_trained(self._disk, key, network, learn)

    def _new(self) -> UNet:
        return new_network(self._seed, on_backbone=self._settings.on_backbone)

    def _fingerprint(self, labels: Labels, size: Size, trial: bool) -> str:
        parent = fingerprint_file(self._parent) if self._parent is not None else ""
        masks = [
            [mark, track, list(mask.shape), np.packbits(mask).tobytes().hex()]
            for mark in sorted(labels)
            for track, mask in sorted(labels[mark].items())
        ]
        settings = [self._settings.specialist_steps, self._settings.backbone, self._settings.flow_preset, size]
        return fingerprint([FORMAT, sorted(labels), masks, settings, parent, self._seed, trial])


def _expected(labels: Labels, frame_idx: int) -> set[int]:
    """Return objects that are in the nearest label before or after a frame."""
    before, after = [m for m in labels if m < frame_idx], [m for m in labels if m > frame_idx]
    nearest = [*sorted(before)[-1:], *sorted(after)[:1]]
    return {track for mark in nearest for track in labels[mark]}


def _cut_out(network: UNet, image: NDArray[np.uint8], frame: PropagatedFrame, wanted: set[int]) -> dict[int, Patch]:
    """Return what the network makes of what the flow brought, by track."""
    size = (image.shape[0], image.shape[1])
    masks = {track: carried.mask for track, carried in frame.tracks.items()}
    found = {}
    for track in sorted(wanted):
        own, others = split(masks, track, size)
        window = Window(0, 0, size[1], size[0])
        if track in masks and masks[track].values.size:
            window = _around(patch_of(masks[track]).window, size)
        values = probability(network, network_input(image, own, others)[window.slices])
        found[track] = Patch(window.x0, window.y0, values)
    return found


def _around(window: Window, size: Size) -> Window:
    """Return a window with as much around it as it is wide and high."""
    dx = max(window.x1 - window.x0, (_SMALLEST_WINDOW - window.x1 + window.x0) // 2)
    dy = max(window.y1 - window.y0, (_SMALLEST_WINDOW - window.y1 + window.y0) // 2)
    return Window(window.x0 - dx, window.y0 - dy, window.x1 + dx, window.y1 + dy).clipped(size)


@torch.inference_mode()
def probability(network: UNet, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of each pixel: float32 [h, w] for an input [h, w, 5], seen as it is and mirrored."""
    height, width = inputs.shape[:2]
    padding = ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0))
    batch = torch.from_numpy(np.pad(inputs, padding, mode="edge")).permute(2, 0, 1)[None]
    with in_half_precision():
        both = network(torch.cat([batch, batch.flip(3)])).float().sigmoid()
    mean = (both[0] + both[1].flip(1)) / 2
    return mean[:height, :width].numpy()


def with_flow(patch: Patch, carried: PropagatedTrack | None, alone: bool = True) -> tuple[Patch, float]:
    """Average the network's mask and the flow's, weighted by how sure each is, and estimate how well the mean fits, in
    [0, 1].

    The network's sureness tells it, and by as much as the flow confirms the mask, which is how far it is sure and
    agrees, the mean of all three signs: a flow that is lost says nothing of a network that goes on. Among several
    objects, not ``alone``, that mean tells it all, since the flow says which is which.
    """
    sure = expected_overlap(patch.values)
    if carried is None or not carried.mask.values.size:
        return patch, _expected_overlap(sure, 0.0, 0.0, alone)
    brought = patch_of(carried.mask)
    window = union([patch.window, brought.window])
    own, other = patch.on(window), brought.on(window)
    agreement = float(np.minimum(own, other).sum() / max(np.maximum(own, other).sum(), np.float32(1e-6)))
    weights = sure**SHARPNESS, carried.confidence**SHARPNESS
    share = np.float32(weights[0] / max(sum(weights), 1e-9))
    mean = Patch(window.x0, window.y0, own * share + other * (1 - share))
    return mean, _expected_overlap(sure, agreement, carried.confidence, alone)


def _expected_overlap(sure: float, agreement: float, flow: float, alone: bool) -> float:
    confirmed = agreement * flow if alone else 1.0
    return confirmed * ((sure + agreement + flow) / 3) ** CONFIRMED + (1 - confirmed) * SURENESS(sure)
