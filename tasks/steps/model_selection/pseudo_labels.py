"""What a student may learn from frames that nobody labelled: the masks that the round before delivered there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from al_core.records import IGNORE_TRACK, DeliveredMask, FrameRef, MaskLabel, Provenance, Video
from al_core.settings import StudentSettings
from al_core.stores.delivered import read_delivered
from al_core.stores.pretrained import Pretrained, PretrainedNetworks, depth_of
from tasks.steps.context import Propagated, RoundContext

if TYPE_CHECKING:
    from al_core.students.semi.mixing import Nearness
    from al_core.students.semi.unlabelled import UnlabelledSample

BY_MACHINE = frozenset({Provenance.PROPAGATED, Provenance.TEACHER})


def pseudo_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what pseudo-labels depend on; nothing where the student learns from none."""
    if context.settings.student.unlabelled == "none":
        return {}
    before = context.before.result(Propagated)
    found: dict[str, Any] = {"delivered": {} if before is None else dict(before.hashes)}
    return found | ({"depth": _depth(context).sha256} if context.settings.student.mix == "depth" else {})


def nearness(context: RoundContext) -> "Nearness | None":
    """Return how near what unlabelled frames show is, where they are mixed by it.

    Raises:
        BadCheckpoint: the project has learnt no depth, or with the backbone of another student.
    """
    student = context.settings.student
    if student.unlabelled == "none" or student.mix != "depth":
        return None
    from al_core.depth.depth_network import load_depth_network
    from al_core.students.semi.mixing import Nearness

    one = _depth(context)
    network = load_depth_network(PretrainedNetworks(context.project.pretrained).path(one), student)
    return Nearness(one.sha256, lambda frame: network.nearness(context.frames.read(frame)))


def _depth(context: RoundContext) -> Pretrained:
    return depth_of(PretrainedNetworks(context.project.pretrained), "student.mix", context.began)


def pseudo_labels(context: RoundContext) -> "list[UnlabelledSample]":
    """Return frames that nobody labelled, with the objects that are believed to be there.

    What was delivered is what the propagators and the teachers of the round before make of a frame together, and its
    confidence is calibrated: the overlap that is expected of it. What is missing to 1 is the expected error, by which
    frames are drawn. Who learns from believed masks has none before a delivery; who has to agree with a teacher takes
    every frame, and masks are needed only to mix frames by them.

    Raises:
        DamagedFile: what was delivered cannot be read.
    """
    method = context.settings.student.unlabelled
    if method == "none":
        return []
    return list(_believed(context) if method == "self" else _all_frames(context))


def _believed(context: RoundContext) -> "Iterator[UnlabelledSample]":
    # Who only looks at results need not load torch.
    from al_core.students.semi.unlabelled import UnlabelledSample

    student, known = context.settings.student, context.categories
    labelled = {label.frame for label in context.labels_collected}
    for video in context.videos:
        for frame_idx, masks in _delivered(context, video):
            frame = FrameRef(video.video_id, frame_idx)
            sure = sure_masks(masks, student, known)
            if sure and frame not in labelled:
                yield UnlabelledSample(frame, sure, expected_error(masks))


def _all_frames(context: RoundContext) -> "Iterator[UnlabelledSample]":
    from al_core.students.semi.unlabelled import UnlabelledSample

    student, known = context.settings.student, context.categories
    labelled = {label.frame for label in context.labels_collected}
    for video in context.videos:
        errors, sure = dict[int, float](), dict[int, tuple[MaskLabel, ...]]()
        for i, masks in _delivered(context, video):
            errors[i] = expected_error(masks)
            sure[i] = sure_masks(masks, student, known) if student.mix == "class" else ()
        frames = (FrameRef(video.video_id, frame_idx) for frame_idx in range(video.n_frames))
        for frame in (f for f in frames if f not in labelled):
            # Of a frame without masks nothing is known to be right.
            i = frame.frame_idx
            yield UnlabelledSample(frame, sure.get(i, ()), errors.get(i, 1.0))


def _delivered(context: RoundContext, video: Video) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield what the round before delivered of a video, by frame; nothing where it did not."""
    path = context.ledger.delivered_paths(context.before.round_id).get(video.video_id)
    if path is not None:
        yield from read_delivered(context.project.absolute(path))


def sure_masks(
    masks: Sequence[DeliveredMask], student: StudentSettings, categories: Mapping[int, str]
) -> tuple[MaskLabel, ...]:
    """Return the masks that a machine made and that are confident enough to learn from, of known categories."""
    return tuple(
        MaskLabel(m.track_id, m.category_id, m.rle)
        for m in masks
        if m.provenance in BY_MACHINE
        and m.track_id != IGNORE_TRACK
        and m.category_id in categories
        and m.confidence >= student.unlabelled_confidence
    )


def expected_error(masks: Sequence[DeliveredMask]) -> float:
    """Return the mean of what is missing to full confidence, over the masks of a frame, in [0, 1]."""
    return sum(1 - m.confidence for m in masks) / len(masks)
