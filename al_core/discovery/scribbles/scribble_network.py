"""Discovery from strokes: a small network learns from them, and from the shapes of masks, what objects are.

After Valvano et al. (learning to segment from scribbles using multi-scale adversarial attention gates, TMI 2021).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Found
from al_core.discovery.given import Given, GivenFrame, Hint
from al_core.discovery.linked_objects import Links
from al_core.discovery.scribbles.adversarial_training import BATCH, Lesson, Schedule, probabilities, train
from al_core.discovery.scribbles.crops import Picture, ScribbledFrame, Shape
from al_core.discovery.scribbles.gated_unet import GatedUNet
from al_core.discovery.scribbles.stroke_classes import along, check_classes, class_numbers, classes_of
from al_core.fingerprint import fingerprint
from al_core.footage.images import resized, working_size
from al_core.masks.rle import Rle, decode
from al_core.masks.soft import shrink
from al_core.networks.network_state import kept_or_trained, seeded
from al_core.records import Progress
from al_core.stores.disk_cache import DiskCache

LONG_SIDE = 256
"""Of frames and of masks of other pictures as the network sees them, in pixels."""

MOST_PICTURES = 64
"""Frames that the critic looks at, evenly spaced over all videos."""

CACHE_BYTES = 100_000_000
_FORMAT = "scribbles1"


@dataclass(frozen=True, eq=False)
class ScribbleNetwork(Discoverer):
    """Finds objects like those that people drew strokes through."""

    learnt: list[GatedUNet] = field(default_factory=list, init=False)
    """The network, once it has learnt."""

    name = "scribbles"
    needs = (Hint.SCRIBBLES,)
    takes_shapes = True

    def check(self, given: Given, clips: Sequence[DiscoveryClip]) -> None:
        """Refuse strokes that teach nothing.

        Raises:
            NotReady: there is no stroke, or nothing tells what is background. BadLabel: all lie outside their frames.
        """
        super().check(given, clips)
        sizes = {clip.video_id: seen_size(clip) for clip in clips}
        numbers = class_numbers(given)
        frames = [frame for frame in given if frame.label.frame.video_id in sizes]
        said = [classes_of(frame, numbers, sizes[frame.label.frame.video_id]) for frame in frames]
        strokes = [stroke for frame in frames for stroke in frame.strokes(frame.size) if stroke.adds]
        check_classes(said, len(strokes))

    def learn(
        self,
        clips: Sequence[DiscoveryClip],
        given: Given,
        rng: np.random.Generator,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """Learn from all strokes, and from the shapes of other masks if any were given."""
        numbers, schedule = class_numbers(given), Schedule()
        seed = int(rng.integers(2**31))
        footage = [clip.frames.sha256 for clip in clips]
        key = fingerprint([_FORMAT, given.sha256, footage, seed, repr(schedule), BATCH, LONG_SIDE])
        network = seeded(lambda: GatedUNet(1 + len(numbers)), seed)
        self.learnt[:] = [
            kept_or_trained(
                DiskCache(self.means.cache, CACHE_BYTES),
                key,
                network,
                lambda keep: train(network, lesson_of(clips, given), seed, schedule, keep, on_progress),
            )
        ]
        return schedule.steps

    def find(
        self, clip: DiscoveryClip, given: Given, rng: np.random.Generator, on_frame: Callable[[int], None] | None = None
    ) -> Found:
        """Yield every frame of a clip with what is like what was stroked."""
        (network,) = self.learnt
        categories, size = list(class_numbers(given)), clip.frames.size
        small, links = seen_size(clip), Links()
        stroked = {frame.frame_idx: frame for frame in given.of(clip.video_id)}
        for index in range(clip.frames.n_frames):
            if index in clip.shots.cuts:
                links.cut()
            said = probabilities(network, resized(clip.frames.read(index), small))
            whole = np.stack([cv2.resize(one, size[::-1], interpolation=cv2.INTER_LINEAR) for one in said])
            yield index, links.add(whole, categories, _lines(stroked.get(index), size))
            if on_frame is not None:
                on_frame(index + 1)


def seen_size(clip: DiscoveryClip) -> tuple[int, int]:
    """Return the (height, width) in which the network sees the frames of a clip."""
    return working_size(*clip.frames.size, LONG_SIDE)


def lesson_of(clips: Sequence[DiscoveryClip], given: Given) -> Lesson:
    """Return what is learnt from: frames with strokes, frames, and masks of other pictures."""
    numbers, of_clip = class_numbers(given), {clip.video_id: clip for clip in clips}
    scribbled = []
    for frame in given:
        clip = of_clip.get(frame.label.frame.video_id)
        classes = classes_of(frame, numbers, seen_size(clip)) if clip is not None else None
        if clip is None or classes is None or not (classes >= 0).any():
            continue
        scribbled.append(ScribbledFrame(_read(clip, frame.frame_idx), classes))
    shapes = [scaled(mask) for mask in given.shapes]
    return Lesson(scribbled, _pictures(clips), shapes)


def scaled(mask: Rle) -> Shape:
    """Return a mask at the size in which the network would see its picture, bool [h, w]."""
    size = working_size(mask.height, mask.width, LONG_SIDE)
    patch = shrink(decode(mask), size)
    whole = np.zeros(size, bool)
    whole[patch.window.slices] = patch.values > 0.5
    return whole


def _pictures(clips: Sequence[DiscoveryClip]) -> list[Picture]:
    there = [(clip, index) for clip in clips for index in range(clip.frames.n_frames)]
    chosen = np.linspace(0, len(there) - 1, min(len(there), MOST_PICTURES)).round().astype(int).tolist()
    return [_read(*there[n]) for n in chosen]


def _read(clip: DiscoveryClip, frame_idx: int) -> Picture:
    return resized(clip.frames.read(frame_idx), seen_size(clip))


def _lines(frame: GivenFrame | None, size: tuple[int, int]) -> dict[int, NDArray[np.bool_]]:
    """Return the pixels of the strokes through objects, by number."""
    lines: dict[int, NDArray[np.bool_]] = {}
    for stroke in frame.strokes(size) if frame is not None else ():
        if stroke.adds and frame is not None and stroke.track_id in frame.categories:
            line = along(stroke.points, size)
            lines[stroke.track_id] = lines.get(stroke.track_id, np.zeros(size, bool)) | line
    return lines
