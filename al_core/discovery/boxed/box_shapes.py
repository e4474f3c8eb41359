"""Masks in the boxes that people drew, by what the masks that they drew tell of outlines, and around these frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.boxed.box_labels import LabelledBoxes, check_boxes, has_boxes, kinds_of
from al_core.discovery.boxed.box_ways import BoxWay, KnownObject, WayChoice, choose_way, masks_by
from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Found, FoundObject
from al_core.discovery.given import Given, Hint
from al_core.errors import NotReady
from al_core.evaluation.evidence import exactness
from al_core.masks.soft import patch_of, resample
from al_core.networks.network_state import kept_or_trained, load_kept
from al_core.networks.shapes.box_crops import BoxedObject
from al_core.networks.shapes.shape_network import ShapeNetwork
from al_core.networks.shapes.shape_training import STEPS, new_shape_network, train_shapes
from al_core.propagation.base import Labels, PropagatedTrack, Propagator, Resources
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.shotwise import ShotwisePropagator
from al_core.records import LabelKind, Progress
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
        """Choose the way of this project, and learn it from all boxes and masks: up to three trainings, each about a
        minute of one processor; what was learnt is kept for these labels."""
        if (done := self._chosen(given)) and (not done.way.learns or self._disk.has(f"{self._key(given)}.pt")):
            return 0
        known = list(_known_objects(clips, given))

        def train(half: int | None, objects: Sequence[BoxedObject]) -> ShapeNetwork:
            network = new_shape_network(len(kinds_of(given)), self.means.seed)
            key = self._key(given) + ("" if half is None else f"-half{half}")
            learn = partial(train_shapes, network, objects, self.means.seed, on_progress=on_progress, steps=STEPS)
            return kept_or_trained(self._disk, key, network, lambda keep: learn(keep=keep))

        choice = choose_way(known, train)
        if choice.way.learns:
            train(None, [one.seen for one in known])
        self._disk.put(f"{self._key(given)}.json", choice.to_json())
        return STEPS * (2 * bool(choice.iou) + choice.way.learns)

    def kept(self, given: Given) -> list[Path]:
        """Return the choice for these labels, and the network where it uses one."""
        return [path for end in ("json", "pt") if (path := self._disk.use(f"{self._key(given)}.{end}")) is not None]

    def told(self, given: Given) -> str:
        """Return which way was chosen, and by which figures."""
        choice = self._chosen(given)
        return choice.describe() if choice is not None else ""

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
        choice = self._chosen(given)
        if choice is None:
            raise ValueError("masks are found in boxes once it was learnt how: call learn first")
        network = self._network(given) if choice.way.learns else None
        labels, categories = _cut_out(choice.way, network, clip, given)
        if not labels:
            yield from ((index, ()) for index in range(clip.frames.n_frames))
            return
        confidence = choice.confidence or exactness(LabelKind.BOX)
        settings = PropagationSettings()
        resources = Resources(settings, self.means.cache, seed=self.means.seed, shots=clip.shots)
        propagator: Propagator = ShotwisePropagator(lambda _: FlowPropagator(self.means.flow, settings), resources)
        for frame in propagator.propagate(clip.frames, labels):
            objects = [
                _shown(number, seen, confidence, categories[number], clip.frames.size)
                for number, seen in frame.tracks.items()
                if number in categories and seen.confidence * confidence >= LEAST
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

    def _chosen(self, given: Given) -> WayChoice | None:
        path = self._disk.use(f"{self._key(given)}.json")
        return WayChoice.from_json(path.read_bytes()) if path is not None else None

    def _network(self, given: Given) -> ShapeNetwork:
        """Return the network that learnt from some labels."""
        network = new_shape_network(len(kinds_of(given)), self.means.seed)
        network.load_state_dict(load_kept(self._disk, f"{self._key(given)}.pt") or {})
        return network.eval()


def _known_objects(clips: Sequence[DiscoveryClip], given: Given) -> Iterator[KnownObject]:
    """Yield every object that people gave in videos that are in use, of so many frames at most, spread evenly."""
    kinds = kinds_of(given)
    there = [(clip, frame) for clip in clips for frame in given.of(clip.video_id) if frame.label.objects]
    chosen = np.linspace(0, len(there) - 1, min(len(there), MOST_FRAMES)).round().astype(int)
    for clip, frame in (there[i] for i in chosen.tolist()):
        known = LabelledBoxes.of(frame, clip.frames.size)
        if known.boxes or known.masks:
            objects = known.examples(clip.frames.read(frame.frame_idx), kinds)
            yield from (KnownObject(seen, (clip.video_id, number)) for number, seen in objects.items())


def _cut_out(
    way: BoxWay, network: ShapeNetwork | None, clip: DiscoveryClip, given: Given
) -> tuple[Labels, Mapping[int, int]]:
    """Return masks of a clip's labelled frames, and the category of each object that only has boxes."""
    kinds = kinds_of(given)
    labels: dict[int, dict[int, Mask]] = {}
    categories: dict[int, int] = {}
    for frame in given.of(clip.video_id):
        known = LabelledBoxes.of(frame, clip.frames.size)
        labels[frame.frame_idx] = dict(known.masks)
        if not known.boxes:
            continue
        image, wanted = clip.frames.read(frame.frame_idx), [kinds[known.categories[number]] for number in known.boxes]
        made = masks_by(way, network, image, list(known.boxes.values()), wanted)
        labels[frame.frame_idx] |= dict(zip(known.boxes, made, strict=True))
        categories |= {number: known.categories[number] for number in known.boxes}
    return (labels if categories else {}), categories


def _shown(number: int, seen: PropagatedTrack, confidence: float, category: int, size: tuple[int, int]) -> FoundObject:
    mask = resample(patch_of(seen.mask), seen.mask.size, size).soft(size)
    return FoundObject(number, confidence * seen.confidence, mask, category, known=True)
