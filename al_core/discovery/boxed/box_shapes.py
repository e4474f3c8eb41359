"""Masks in the boxes that people drew, by what the masks that they drew tell of outlines, and around these frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.boxed.box_labels import LabelledBoxes, check_boxes, has_boxes, kinds_of
from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Found, FoundObject
from al_core.discovery.given import Given, Hint
from al_core.errors import NotReady
from al_core.interactive.boxes import refine_with_box
from al_core.masks.soft import patch_of, resample
from al_core.networks.network_state import kept_or_trained, load_kept
from al_core.networks.shapes.box_crops import BoxedObject
from al_core.networks.shapes.shape_network import ShapeNetwork
from al_core.networks.shapes.shape_refiner import masks_in_boxes
from al_core.networks.shapes.shape_training import STEPS, new_shape_network, train_shapes
from al_core.propagation.base import Labels, PropagatedTrack, Propagator, Resources
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.shotwise import ShotwisePropagator
from al_core.records import Progress
from al_core.settings import PropagationSettings
from al_core.stores.disk_cache import DiskCache

Mask = NDArray[np.bool_]

CACHE_BYTES = 64_000_000

MOST_FRAMES = 400
"""That are held in memory to learn from."""

LEAST = 0.3
"""Confidence below which a mask that was carried is not shown."""


class BoxShapes(Discoverer):
    """Turns boxes that people drew into masks, and carries these on."""

    name = "boxes"
    needs = (Hint.MASKS, Hint.BOXES)

    def check(self, given: Given, clips: Sequence[DiscoveryClip]) -> None:
        """Refuse labels without a drawn mask, without an object of which only a box is known, or with a box that holds
        nothing (see :meth:`Discoverer.check`)."""
        super().check(given, clips)
        check_boxes(given, clips)
        if not any(has_boxes(frame) for frame in given):
            raise NotReady(
                "discovery by 'boxes' makes masks of objects of which people drew only a box, and each that they boxed "
                "has a mask; draw boxes of others first"
            )

    def learn(
        self,
        clips: Sequence[DiscoveryClip],
        given: Given,
        rng: np.random.Generator,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """Learn from all boxes and masks, about a minute of one processor; the network is kept for these labels.

        Raises:
            BadLabel: no mask is large enough.
        """
        if load_kept(self._disk, f"{self._key(given)}.pt") is not None:
            return 0
        examples = list(_examples(clips, given))
        network = new_shape_network(len(kinds_of(given)), self.means.seed)
        kept_or_trained(
            self._disk,
            self._key(given),
            network,
            lambda keep: train_shapes(network, examples, self.means.seed, keep, on_progress, STEPS),
        )
        return STEPS

    def find(
        self,
        clip: DiscoveryClip,
        given: Given,
        rng: np.random.Generator,
        on_frame: Callable[[int], None] | None = None,
    ) -> Found:
        """Yield every frame with the masks of objects that only have boxes, carried on along the flow within shots.

        Objects keep the numbers and categories that people gave them.
        """
        network = self._network(given)
        labels, confidence, categories = _cut_out(network, clip, given)
        if not labels:
            yield from ((index, ()) for index in range(clip.frames.n_frames))
            return
        settings = PropagationSettings()
        resources = Resources(settings, self.means.cache, seed=self.means.seed, shots=clip.shots)
        propagator: Propagator = ShotwisePropagator(lambda _: FlowPropagator(self.means.flow, settings), resources)
        for frame in propagator.propagate(clip.frames, labels):
            objects = [
                _shown(number, seen, confidence[number], categories[number], clip.frames.size)
                for number, seen in frame.tracks.items()
                if number in confidence and seen.confidence * confidence[number] >= LEAST
            ]
            objects = [one for one in objects if one.mask.values.size]
            yield frame.frame_idx, tuple(sorted(objects, key=lambda one: -one.confidence))
            if on_frame is not None:
                on_frame(frame.frame_idx + 1)

    @property
    def _disk(self) -> DiskCache:
        return DiskCache(self.means.cache, CACHE_BYTES)

    def _key(self, given: Given) -> str:
        return f"shapes-{self.means.seed}-{given.sha256[:24]}"

    def _network(self, given: Given) -> ShapeNetwork:
        """Return the network that learnt from some labels."""
        state = load_kept(self._disk, f"{self._key(given)}.pt")
        if state is None:
            raise ValueError("masks are found in boxes once it was learnt how: call learn first")
        network = new_shape_network(len(kinds_of(given)), self.means.seed)
        network.load_state_dict(state)
        return network.eval()


def _examples(clips: Sequence[DiscoveryClip], given: Given) -> Iterator[BoxedObject]:
    """Yield every object that people gave in videos that are in use, of so many frames at most, spread evenly."""
    kinds = kinds_of(given)
    there = [(clip, frame) for clip in clips for frame in given.of(clip.video_id) if frame.label.objects]
    chosen = np.linspace(0, len(there) - 1, min(len(there), MOST_FRAMES)).round().astype(int)
    for clip, frame in (there[i] for i in chosen.tolist()):
        known = LabelledBoxes.of(frame, clip.frames.size)
        if known.boxes or known.masks:
            yield from known.examples(clip.frames.read(frame.frame_idx), kinds)


def _cut_out(
    network: ShapeNetwork, clip: DiscoveryClip, given: Given
) -> tuple[Labels, Mapping[int, float], Mapping[int, int]]:
    """Return masks of a clip's labelled frames, and the least confidence and the category of each object that only has
    boxes."""
    kinds = kinds_of(given)
    labels: dict[int, dict[int, Mask]] = {}
    confidence: dict[int, float] = {}
    categories: dict[int, int] = {}
    for frame in given.of(clip.video_id):
        known = LabelledBoxes.of(frame, clip.frames.size)
        labels[frame.frame_idx] = dict(known.masks)
        if not known.boxes:
            continue
        image, wanted = clip.frames.read(frame.frame_idx), [kinds[known.categories[number]] for number in known.boxes]
        made = masks_in_boxes(network, image, list(known.boxes.values()), wanted)
        for number, found in zip(known.boxes, made, strict=True):
            # The network knows where the object is, its colours end it to the pixel.
            labels[frame.frame_idx][number] = refine_with_box(image, found.probability, known.boxes[number])
            confidence[number] = min(confidence.get(number, 1.0), found.confidence)
            categories[number] = known.categories[number]
    return (labels if confidence else {}), confidence, categories


def _shown(number: int, seen: PropagatedTrack, confidence: float, category: int, size: tuple[int, int]) -> FoundObject:
    mask = resample(patch_of(seen.mask), seen.mask.size, size).soft(size)
    return FoundObject(number, confidence * seen.confidence, mask, category, known=True)
