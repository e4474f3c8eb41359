"""From a few boxes that people drew, not all of a frame's, to masks of many like objects in all frames."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Found, FoundObject
from al_core.discovery.exemplars.appearance import Picture, Shape
from al_core.discovery.exemplars.box_overlap import Boxes, inside, strongest
from al_core.discovery.exemplars.detectors import Detector
from al_core.discovery.exemplars.learning import LEAST, Example, Watched, Watcher, Watching, watch
from al_core.discovery.exemplars.short_tracks import Box
from al_core.discovery.given import Given, GivenFrame, Hint
from al_core.discovery.motion import LONG_SIDE, PRESET
from al_core.errors import BadLabel, NotReady
from al_core.files import replaced
from al_core.interactive.boxes import box_by_colour
from al_core.masks.rle import box as box_of
from al_core.masks.soft import SoftMask, Window
from al_core.records import Progress

FORMAT = "exemplars1"
"""Of what is kept while learning, in the names of its files."""

WATCHING = Watching()

LEAST_SIDE = 6.0
"""Pixels along the shorter side of a box, in the frames that are looked at; what is smaller shows too little."""

ELSEWHERE = 12
"""Boxes of other videos that teach, at most."""

SAME = 0.5
"""Overlap (IoU) from which boxes of two categories are one object; the surer one stays."""

SURROUNDINGS, CLOSEUP = 0.25, 128
"""Share of a box's longer side from which GrabCut learns the background, and the pixels of its picture."""


class WatchAndLearn(Discoverer):
    """Finds what looks like boxes that people drew, where detectors and tracks agree."""

    name = "exemplars"
    needs = (Hint.BOXES,)
    moving = True

    def check(self, given: Given, clips: Sequence[DiscoveryClip]) -> None:
        """Refuse boxes that lie outside their frames or are too small, and footage in which nothing can be followed.

        Raises:
            NotReady, BadLabel: one line says what was expected, what came, and what to do.
        """
        super().check(given, clips)
        drawn = []
        for clip in clips:
            for frame in given.of(clip.video_id):
                drawn += [(clip.name, frame.frame_idx, box) for box in _boxes(clip, frame).values()]
        if drawn and all(min(box[2:] - box[:2]) < LEAST_SIDE for _, _, box in drawn):
            name, frame_idx, box = drawn[0]
            width, height = box[2:] - box[:2]
            raise BadLabel(
                f"discovery by '{self.name}' starts from boxes of at least {LEAST_SIDE:g}x{LEAST_SIDE:g} pixels at "
                f"working size; all are smaller or lie outside, such as that of {width:.0f}x{height:.0f} in frame "
                f"{frame_idx} of {name}: draw larger objects, or raise frames.working_long_side"
            )
        if all(clip.frames.n_frames < 2 for clip in clips):
            raise NotReady(
                f"discovery by '{self.name}' follows boxes from frame to frame, and every video has one frame; "
                "ingest footage that moves"
            )

    def learn(
        self,
        clips: Sequence[DiscoveryClip],
        given: Given,
        rng: np.random.Generator,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """Cut out some boxes of each category, for the videos in which nobody drew any; returns how many."""
        cut: dict[str, NDArray[np.uint8] | NDArray[np.float64]] = {}
        for category in _categories(given):
            drawn = [
                (clip, frame.frame_idx, box)
                for clip in clips
                for frame in given.of(clip.video_id)
                for track, box in _boxes(clip, frame).items()
                if frame.categories[track] == category and min(box[2:] - box[:2]) >= LEAST_SIDE
            ]
            some = sorted(rng.choice(len(drawn), min(ELSEWHERE, len(drawn)), replace=False).tolist())
            for k, (clip, frame_idx, box) in enumerate(drawn[number] for number in some):
                picture, at = _closeup(clip.frames.read(frame_idx), box)
                cut |= {f"picture-{category}-{k}": picture, f"box-{category}-{k}": at}
        with replaced(self._examples_file(given)) as path, path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **cut)
        return len(cut) // 2

    def kept(self, given: Given) -> list[Path]:
        """Return the file of boxes that were cut out."""
        return [self._examples_file(given)]

    def find(
        self, clip: DiscoveryClip, given: Given, rng: np.random.Generator, on_frame: Callable[[int], None] | None = None
    ) -> Found:
        """Yield every frame with what looks like the boxes of each category, the most certain first.

        What was learnt is kept after every round of learning: stopped, it goes on there.
        """
        n_frames, categories = clip.frames.n_frames, _categories(given)
        by_frame: list[list[tuple[int, Watched]]] = [[] for _ in range(n_frames)]
        highest = 0
        for n, category in enumerate(categories):

            def tell(done: int, n: int = n) -> None:
                if on_frame is not None:
                    on_frame((n * n_frames + done) // len(categories))

            found = [one for one in self._of_category(clip, given, category, rng, tell) if one.confidence >= LEAST]
            for one in found:
                number = one.track + (0 if one.known else highest)
                by_frame[one.frame_idx].append((category, replace(one, track=number)))
            highest += max((one.track for one in found if not one.known), default=0)
        for frame_idx, seen in enumerate(by_frame):
            yield frame_idx, tuple(_found_objects(clip.frames.read(frame_idx), seen)) if seen else ()

    def _of_category(
        self,
        clip: DiscoveryClip,
        given: Given,
        category: int,
        rng: np.random.Generator,
        on_frame: Callable[[int], None],
    ) -> list[Watched]:
        """Return what is found of a category in a clip."""
        own, others, complete = _examples(clip, given.of(clip.video_id), category)
        elsewhere = [] if own else self._elsewhere(given, category)
        if clip.frames.n_frames < 2 or not (own or elsewhere):
            return []
        flow = self.means.flow.clip(clip.frames, LONG_SIDE, PRESET)
        shots = clip.shots.ranges(clip.frames.n_frames)
        watcher = Watcher(clip.frames, flow, shots, own, rng, WATCHING, elsewhere, complete, others)
        place = self.means.cache / f"{FORMAT}-{given.sha256[:12]}-{clip.video_id:05d}-{category}.npz"
        done, begun = read_detectors(place)
        learnt = watcher.learn(begun, done, lambda rounds, detectors: write_detectors(place, rounds, detectors))
        found = watch(watcher, learnt, on_frame)
        place.unlink(missing_ok=True)
        return found

    def _elsewhere(self, given: Given, category: int) -> list[tuple[Picture, Box]]:
        """Return boxes of a category that people drew in any video, each in its part of a picture."""
        place = self._examples_file(given)
        if not place.is_file():
            return []
        with np.load(place, allow_pickle=False) as kept:
            numbers = [name.removeprefix("picture-") for name in kept if name.startswith(f"picture-{category}-")]
            return [(kept[f"picture-{number}"], kept[f"box-{number}"]) for number in numbers]

    def _examples_file(self, given: Given) -> Path:
        self.means.cache.mkdir(parents=True, exist_ok=True)
        return self.means.cache / f"{FORMAT}-{given.sha256[:12]}-examples.npz"


def write_detectors(place: Path, rounds: int, detectors: Sequence[Detector]) -> None:
    """Keep the detectors after so many rounds of learning."""
    place.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[np.float64]] = {"rounds": np.array([rounds], np.float64)}
    for k, one in enumerate(detectors):
        shape = np.array([one.shape.rows, one.shape.columns, one.bias], np.float64)
        arrays |= {f"shape-{k}": shape, f"weights-{k}": one.weights, f"scales-{k}": np.array(one.scales)}
    with replaced(place) as path, path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_detectors(place: Path) -> tuple[int, list[Detector]]:
    """Return after how many rounds detectors were kept, and these; 0 and none where there are none."""
    if not place.is_file():
        return 0, []
    with np.load(place, allow_pickle=False) as kept:
        detectors = []
        for k in range(sum(name.startswith("shape-") for name in kept)):
            rows, columns, bias = kept[f"shape-{k}"].tolist()
            scales = tuple(kept[f"scales-{k}"].tolist())
            detectors.append(Detector(Shape(int(rows), int(columns)), kept[f"weights-{k}"], bias, scales))
        return int(kept["rounds"][0]), detectors


def _categories(given: Given) -> list[int]:
    """Return the categories of which people drew boxes, rising."""
    return sorted({frame.categories[m.track_id] for frame in given for m in frame.objects(Hint.BOXES)})


def _boxes(clip: DiscoveryClip, frame: GivenFrame) -> dict[int, Box]:
    """Return the boxes of a frame by number, cut to it: those that people drew, and those of other objects' masks."""
    size = clip.frames.size
    scale = np.array([size[1] / frame.size[1], size[0] / frame.size[0]] * 2)
    found: dict[int, Box] = {}
    for mask in frame.label.objects:
        x, y, width, height = box_of(mask.rle)
        if width and height:
            found[mask.track_id] = np.array([x, y, x + width, y + height], np.float64) * scale
    found |= {track: np.array(box, np.float64) for track, box in frame.boxes(size).items()}
    return {track: inside(box[None], size)[0] for track, box in found.items()}


def _examples(
    clip: DiscoveryClip, frames: Sequence[GivenFrame], category: int
) -> tuple[list[Example], dict[int, Boxes], frozenset[int]]:
    """Return the boxes of a category in a clip, those of all others by frame, and the frames that are complete."""
    examples, others = [], {}
    for frame in frames:
        boxes = {k: box for k, box in _boxes(clip, frame).items() if min(box[2:] - box[:2]) >= LEAST_SIDE}
        kinds = frame.categories
        examples += [Example(frame.frame_idx, box, k) for k, box in boxes.items() if kinds[k] == category]
        if rest := [box for k, box in boxes.items() if kinds[k] != category]:
            others[frame.frame_idx] = np.stack(rest)
    return examples, others, frozenset(frame.frame_idx for frame in frames if frame.label.complete)


def _closeup(picture: Picture, box: Box) -> tuple[Picture, Box]:
    """Return the part of a picture around a box, and the box in it."""
    sides = box[2:] - box[:2]
    x0, y0, x1, y1 = inside(np.concatenate([box[:2] - sides, box[2:] + sides])[None], _size(picture))[0].astype(int)
    return picture[y0 : y1 + 1, x0 : x1 + 1], box - np.array([x0, y0, x0, y0])


def _size(picture: Picture) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]


def _found_objects(picture: Picture, found: Sequence[tuple[int, Watched]]) -> Iterator[FoundObject]:
    """Yield what was found in a frame with its masks, the most certain first; none lies on another.

    Args:
        found: with their categories.
    """
    size = _size(picture)
    boxes = inside(np.stack([one.box for _, one in found]), size)
    for k in strongest(boxes, np.array([one.confidence for _, one in found]), SAME, len(found)):
        category, one = found[k]
        low, high = np.floor(boxes[k, :2]).astype(int), np.ceil(boxes[k, 2:]).astype(int)
        if (high > low).all():
            mask = box_by_colour(picture, None, Window(*low.tolist(), *high.tolist()), SURROUNDINGS, CLOSEUP)
            yield FoundObject(one.track, one.confidence, SoftMask.of(mask), category, one.known)
