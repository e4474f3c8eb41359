"""What people have given so far in a project, for the ways to discover that start from it."""

from collections import defaultdict
from collections.abc import Sequence

from al_core.discovery.given import Given, GivenFrame
from al_core.ledger.labelling.leases import Purpose
from al_core.ledger.store import Ledger
from al_core.masks.rle import Rle
from al_core.records import FrameRef, Gesture


def given_in(ledger: Ledger, shapes: Sequence[Rle] = ()) -> Given:
    """Return what people said of the videos that are in use, with the gestures that it came of.

    Args:
        shapes: masks of other pictures.

    Answers that only check people, that measure the student, and that wait for an approval are left out.
    """
    left_out = ledger.excluded_videos()
    sizes = {video.video_id: (video.height, video.width) for video in ledger.videos()}
    gestures: dict[FrameRef, list[Gesture]] = defaultdict(list)
    for given in ledger.answers_given(usable=True):
        if given.question.purpose in (Purpose.LABEL, Purpose.TRACKED):
            made = given.answer.gestures or ()
            gestures[given.answer.label.frame] += [gesture for gesture in made if not gesture.taken_back]
    frames: dict[int, list[GivenFrame]] = defaultdict(list)
    for label in ledger.human_labels():
        video = label.frame.video_id
        if video not in left_out:
            frames[video].append(GivenFrame(label, tuple(gestures[label.frame]), sizes[video]))
    tags = {video: said for video, said in ledger.category_tags().items() if video not in left_out}
    return Given(dict(frames), ledger.categories(), tuple(shapes), tags)
