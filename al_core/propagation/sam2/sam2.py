"""SAM 2, for people who have its weights (see :mod:`al_core.networks.segment_anything`).

A clip is walked from the human frame before and from the one after, and the two results are blended by distance. A walk
remembers the human frames around as they were drawn, an object that is not to be seen in one of them as absent, and of
what it found itself the last frames only. So memory does not grow with the clip, and the masks are those of a walk that
remembers everything. Time is linear in the number of objects.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from al_core.footage.clips import ClipFrames
from al_core.footage.images import working_size
from al_core.masks.soft import Size
from al_core.networks.segment_anything import SegmentAnything, shared_network
from al_core.propagation.base import Labels, PropagatedFrame
from al_core.propagation.labelled_clip import check_labels, may_overlap
from al_core.propagation.sam2.pruned_session import FrameFeatures, PrunedSession
from al_core.propagation.walks import Found, Run, walked
from al_core.settings import PropagationSettings

BEYOND = 2
"""Human frames that are remembered on the side that a walk comes from, beyond the nearest one. With that and the one
ahead these are four: the network reads all of them for each frame."""

FEATURE_BYTES = 1_000_000_000
"""Features of frames that are kept for the walk from the other side: 60 frames of 1,024 pixels."""


class Sam2Propagator:
    """Propagation with the network of the folder that ``settings.sam_weights`` names.

    Raises:
        MissingDependency: the package or the weights are not there.
        BadCheckpoint: the folder holds no weights of SAM 2 for videos.
    """

    def __init__(self, settings: PropagationSettings) -> None:
        self._long_side = settings.flow_long_side
        self._model = shared_network(settings.sam_weights, "video")

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order, the longer side ``flow_long_side`` pixels (see :class:`Propagator`).

        Memory: the network's, features of at most ``FEATURE_BYTES``, and four human and 16 other frames of each object;
        masks of the walk backward wait in a temporary file.
        """
        check_labels(frames, labels)
        size = working_size(*frames.size, self._long_side)
        features = FrameFeatures(FEATURE_BYTES)

        def walk(tracks: Sequence[int]) -> Run:
            return Walk(self._model, frames, labels, features, size, tracks).run

        yield from walked(frames.n_frames, labels, size, walk)


@dataclass(frozen=True, eq=False)
class Walk:
    """Walks from one human frame towards the next one, looking for ``tracks``, in the order of the masks' channels.

    Attributes:
        features: of frames that were seen.
        size: (height, width) of the masks.
    """

    model: SegmentAnything
    frames: ClipFrames
    labels: Labels
    features: FrameFeatures
    size: Size
    tracks: Sequence[int]

    def run(self, source: int, order: range, opposite: int) -> Iterator[Found]:
        """Yield what is found in the frames of ``order``, the first of which is next to the human frame ``source``."""
        session = PrunedSession(self.model, self.frames.n_frames, self._picture, self.features)
        rivals = self._rivals()
        for mark in self.remembered(source, order.step, opposite):
            for number in range(len(self.tracks)):
                session.add_mask_inputs(session.obj_id_to_idx(number), mark, self._mask(mark, number))
            session.obj_with_new_inputs = list(range(len(self.tracks)))
            self.model.network(session, frame_idx=mark)
            session.prune(mark)
        for i in order:
            output = self.model.network(session, frame_idx=i, reverse=order.step < 0)
            session.prune(i)
            masks = exclusive_masks(output.pred_masks[:, 0], rivals, self.size)
            presence = output.object_score_logits.flatten().sigmoid()
            yield Found((masks * 255).round().to(torch.uint8).cpu().numpy(), presence.float().cpu().numpy())

    def remembered(self, source: int, step: int, opposite: int) -> list[int]:
        """Return the human frames to remember."""
        behind = sorted((m for m in self.labels if (source - m) * step > 0), key=lambda m: abs(source - m))[:BEYOND]
        return [source, *([opposite] if opposite in self.labels else []), *behind]

    def _picture(self, frame_idx: int) -> Tensor:
        return self.model.picture(self.frames.read(frame_idx))

    def _mask(self, mark: int, number: int) -> Tensor:
        """Return the mask of an object in a human frame; empty where it is not to be seen."""
        mask = self.labels[mark].get(self.tracks[number])
        return self.model.mask(np.zeros((1, 1), bool) if mask is None else mask)

    def _rivals(self) -> Tensor:
        """Return which objects cannot share a pixel, float32 [k, k] of 0 and 1."""
        friends = may_overlap(self.labels)
        pairs = [[float(b not in friends.get(a, ())) for b in self.tracks] for a in self.tracks]
        return torch.tensor(pairs, device=self.model.device)


def exclusive_masks(logits: Tensor, rivals: Tensor, size: Size) -> Tensor:
    """Turn logits of objects that know nothing of each other into probabilities.

    What an object's odds are worth is what they are worth against nothing and against its rivals: p = o / (1 + sum of
    the rivals' o, its own included).

    Args:
        logits: float32 [k, h, w].
        rivals: float32 [k, k], 1 where two objects cannot share a pixel, and on the diagonal.
        size: (height, width) of the result.

    Returns:
        float32 [k, height, width]; those of rivals add up to at most 1.
    """
    shown = torch.nn.functional.interpolate(logits[None].float(), size, mode="bilinear", align_corners=False)[0]
    odds = shown.clamp(-20, 20).exp()
    return odds / (1 + torch.einsum("ab,bhw->ahw", rivals, odds))
