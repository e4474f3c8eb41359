"""Whether training the student again is expected to change what is delivered: told by frames that people labelled after
the machine had labelled them, with its teachers and, made again for these frames, without."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

from al_core.evaluation.calibration import Calibration
from al_core.fusion import fuse
from al_core.fusion.choice import Choice
from al_core.masks.rle import iou
from al_core.propagation import Resources
from al_core.records import IGNORE_TRACK, DeliveredMask, FrameLabel, LabelKind, Video, fingerprint_labels
from al_core.stores.delivered import read_delivered
from tasks.steps.context import Predicted, Propagated, RoundContext, Trained
from tasks.steps.model_selection.choosing import choose_propagators
from tasks.steps.model_selection.pseudo_labels import pseudo_inputs
from tasks.steps.propagate import VideoFrames, carried_by, known_by_frame

ENOUGH_FRAMES = 10
"""Frames that have to be known before anything is concluded."""

NEGLIGIBLE = 0.005
"""Mean overlap (IoU) that is not worth a training."""

GROWN = 2.0
"""With so many times the labels of the last training, a student is trained whatever the last one was worth."""

MOST_VIDEOS = 8
MOST_FRAMES = 2000
"""In how many videos masks are made again without teachers, and how long these may be."""

QUICK = frozenset({"flow", "affinity", "specialist"})
"""Propagators whose work of the round before is cached, or is cheap."""

_OTHER_MATTER = frozenset({"checkpoint_interval", "device", "lower_on_memory", "when"})
"""Settings of the student of which a student that was trained knows nothing."""


class Gain(NamedTuple):
    """What teachers brought to delivered masks, in overlap (IoU): number of frames, sum and sum of squares of it."""

    frames: float = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """Mean over frames, in [-1, 1]; at least one."""
        return self.total / self.frames

    @property
    def high(self) -> float:
        """What the mean is below with 95 % confidence, by a normal approximation; of at least two frames."""
        variance = max(self.squares - self.frames * self.mean**2, 0.0) / (self.frames - 1)
        return self.mean + 1.645 * sqrt(variance / self.frames)

    def plus(self, other: "Gain") -> "Gain":
        """Return the gain over the frames of both."""
        return Gain(*(mine + yours for mine, yours in zip(self, other, strict=True)))


def gain_of(differences: Sequence[float]) -> Gain:
    """Return the gain by the difference of each frame."""
    return Gain(len(differences), sum(differences), sum(d * d for d in differences))


def gain_so_far(context: RoundContext, now: Gain) -> Gain:
    """Return the gain that the rounds before noted, and that of this one."""
    for step in context.ledger.steps():
        if step.name == Trained.step and step.round_id < context.round_id and step.status == "finished":
            now = now.plus(Gain(*Trained.from_json(step.result).gain))
    return now


def why_not(context: RoundContext, last: tuple[int, Trained] | None, known: Gain) -> str:
    """Return why a round does not train a student, or nothing where it does.

    Nothing can be learned of objects that nobody saw, from random weights; nor anything new without a new label.

    Args:
        last: the round whose student this one would start from, and what it trained; None where it starts from none.
        known: what teachers brought so far, in this round too.
    """
    student = context.settings.student
    if student.when == "always":
        return ""
    if last is None:
        seen = any(label.objects for label in context.labels_collected if label.complete)
        return "" if seen or student.init_weights else "not trained: no label shows an object yet"
    number, trained = last
    if not context.project.absolute(trained.checkpoint).is_file():
        return ""
    then = context.of_round(number).of_step(Trained.step)
    if _setup(context) != _setup(then):
        return ""
    if then.complete_at is not None and _learns_from(context) == _learns_from(then):
        return f"not trained: nothing was labelled since round {number}, whose student is kept"
    labels = sum(label.complete for label in context.labels_collected)
    if known.frames < ENOUGH_FRAMES or known.high >= NEGLIGIBLE or labels >= GROWN * trained.labels:
        return ""
    return (
        f"not trained: on {known.frames:.0f} frames that people labelled after they were delivered, the teachers "
        f"brought {known.mean:+.3f} J (with 95 % confidence less than {known.high:+.3f}); {labels} labels are "
        f"fewer than {GROWN:g} times the {trained.labels} of the last training, whose student is kept"
    )


def _learns_from(context: RoundContext) -> list[Any]:
    """Return what a student learns from, as hashes."""
    accepted = context.frozen.ids if context.settings.certificates.teach else ()
    return [fingerprint_labels(context.labels_collected), list(accepted), pseudo_inputs(context)]


def _setup(context: RoundContext) -> dict[str, Any]:
    """Return what a student is made for, labels left out."""
    student = {
        name: value for name, value in context.settings.student.model_dump().items() if name not in _OTHER_MATTER
    }
    teachers = context.settings.teachers
    return {"student": student, "teachers": [teachers.decays, teachers.seeds], "categories": context.categories}


def measured_gain(context: RoundContext) -> Gain:
    """Return what the teachers brought to the masks that the round before delivered for frames that have labels since.

    The same labels are carried by the same propagators once more, without the teachers.
    """
    before = context.before
    delivered, predicted = before.result(Propagated), before.result(Predicted)
    if delivered is None or predicted is None or not _quick(before, delivered):
        return Gain()
    known = {label.frame for label in before.labels_collected}
    new: dict[int, dict[int, FrameLabel]] = {}
    for label in context.labels_collected:
        # Who accepts what was delivered says that it fits, whatever else would have.
        accepted = any(mask.kind is LabelKind.ACCEPT for mask in label.objects)
        if label.complete and label.frame not in known and not accepted:
            new.setdefault(label.frame.video_id, {})[label.frame.frame_idx] = label
    # As they were made then: choices are cached.
    choices = choose_propagators(before.of_step(Propagated.step), before.labels_collected)
    paths = context.ledger.delivered_paths(before.round_id)
    videos = [v for v in before.videos if v.video_id in new and v.video_id in paths and v.n_frames <= MOST_FRAMES]
    videos.sort(key=lambda video: (-len(new[video.video_id]), video.video_id))
    differences: list[float] = []
    for video in videos[:MOST_VIDEOS]:
        wanted = new[video.video_id]
        path = context.project.absolute(paths[video.video_id])
        with_teachers = dict(read_delivered(path, sorted(wanted)))
        without = dict(_without_teachers(before, delivered, video, wanted, choices.get(video.video_id)))
        differences += [
            overlap(with_teachers.get(i, ()), label) - overlap(without.get(i, ()), label) for i, label in wanted.items()
        ]
    return gain_of(differences)


def overlap(masks: Sequence[DeliveredMask], label: FrameLabel) -> float:
    """Return how well masks fit what people said of a frame, in [0, 1].

    It is the mean over its objects of the overlap (IoU) with the best mask of the category; where people saw nothing,
    masks fit if there are none.
    """
    found = [mask for mask in masks if mask.track_id != IGNORE_TRACK]
    if not label.objects:
        return float(not found)
    best = [
        float(iou([true.rle], [m.rle for m in found if m.category_id == true.category_id]).max(initial=0.0))
        for true in label.objects
    ]
    return sum(best) / len(best)


def _quick(before: RoundContext, delivered: Propagated) -> bool:
    chosen = {name for video in delivered.chosen.values() for name in video["tracks"].values()}
    settings = before.of_step(Propagated.step).settings.propagation
    return (chosen if settings.chooses else set(settings.methods)) <= QUICK


def _without_teachers(
    before: RoundContext,
    delivered: Propagated,
    video: Video,
    wanted: Mapping[int, FrameLabel],
    choice: Choice | None,
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield what a round would have delivered for some frames of a video from people's labels alone."""
    context = before.of_step(Propagated.step)
    settings, shots = context.settings, before.shots_of(video.video_id)
    clip = VideoFrames(before.frames, video)
    resources = Resources(context.propagation, before.project.cache, None, settings.seed, None, shots)
    labels = [label for label in before.labels_collected if label.frame.video_id == video.video_id]
    by_frame = known_by_frame(clip, labels, resources)
    maps = {name: Calibration(found["slope"], found["offset"]) for name, found in delivered.calibration.items()}
    carried = carried_by(choice, resources, clip, by_frame, maps)
    bare = fuse(by_frame, carried, None, (video.height, video.width), settings.propagation, None, shots)
    yield from ((i, masks) for i, masks in bare if i in wanted)
