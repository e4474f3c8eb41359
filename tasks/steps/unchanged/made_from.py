"""What the predictions and the delivered masks of a video are made from, as one hash.

Everything that a result depends on is in it, exactly: what is not the same to the last bit counts as changed. What
comes after it, the calibration of delivered confidences, changes no mask and is kept beside the hash. Nobody knows what
plug-ins depend on: where one has a part, there is no hash, and everything is made again.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from al_core.evaluation.calibration import IDENTITY, Calibration
from al_core.fingerprint import code_fingerprint, fingerprint, fingerprint_file
from al_core.fusion.choice import Choice
from al_core.fusion.survey import Judged
from al_core.records import CategoryTag, FrameLabel, Provenance, Video, fingerprint_labels
from tasks.steps.context import RoundContext

MACHINE = (Provenance.PROPAGATED.value, Provenance.TEACHER.value)
"""Provenances whose confidences are calibrated as they are delivered."""

WITHOUT_TEACHERS = frozenset({"flow", "affinity", "specialist", "harmonic", "trajectories", "cutie", "sam2"})
"""Propagators that do not look at the teachers' predictions."""

OURS = WITHOUT_TEACHERS | {"tracks"}
"""Propagators that are no plug-ins."""

_FILES = ("encoder", "parent", "cutie_weights", "sam_weights")
"""Settings of propagation that name files of weights."""


def predictions_made_from(context: RoundContext, video: Video, student: str, labelled: Sequence[object]) -> str:
    """Return the hash of all that a video's predictions and their scores depend on; empty where it is not known.

    Args:
        student: hash of its checkpoint.
        labelled: what tells how many objects its frames should show.
    """
    if context.settings.uncertainty.plugins:
        return ""
    return hashed(
        context,
        video,
        what="predictions",
        student=student,
        teachers=context.stored.part("teachers"),
        uncertainty=context.stored.part("uncertainty"),
        size=[context.stored.part(f"student.{name}") for name in ("long_side", "max_objects")],
        labelled=labelled,
    )


def delivered_made_from(
    context: RoundContext,
    video: Video,
    labels: Sequence[FrameLabel],
    predictions: str | None,
    choice: Choice | None,
    calibrations: Mapping[str, Calibration],
    known: Mapping[int, Judged] | None,
    ruled_out: Sequence[CategoryTag],
) -> str:
    """Return the hash of all that a video's delivered masks and their uncalibrated confidences depend on; empty where
    it is not known.

    Args:
        predictions: hash of the file of the teachers' predictions; None where there is none.

    The other arguments are as for :class:`tasks.steps.propagate.PropagateJob`.
    """
    settings = context.propagation
    used = choice.names if choice is not None else settings.candidates[:1] if settings.chooses else settings.methods
    if not OURS.issuperset(used):
        return ""
    if not settings.teacher_weight and WITHOUT_TEACHERS.issuperset(used):
        predictions = known = None
    # Where one propagator carries all, or there is nothing to carry, its own calibration does not count.
    counts = labels and (choice.by_track if choice is not None and settings.chooses else len(used) > 1)
    maps = {name: calibrations.get(name, IDENTITY) for name in used} if counts else {}
    files = {name: Path(getattr(settings, name)).expanduser() for name in _FILES if getattr(settings, name)}
    return hashed(
        context,
        video,
        what="delivered",
        labels=fingerprint_labels(labels),
        predictions=predictions,
        known=None if known is None else sorted((category, *judged) for category, judged in known.items()),
        propagation=context.stored.part("propagation"),
        weights={name: fingerprint_file(file) for name, file in files.items() if file.is_file()},
        seed=context.stored.part("seed"),
        choice=None if choice is None else [sorted(choice.by_track.items()), _sorted(choice.trust)],
        calibrations=calibrations_text(maps),
        accepted=context.frozen.ids_of(video.video_id),
        ruled_out=[[tag.category_id, tag.first_frame, tag.last_frame] for tag in ruled_out],
    )


def calibrations_text(calibrations: Mapping[str, Calibration], names: Sequence[str] | None = None) -> str:
    """Return calibrations as JSON, to the last bit.

    Args:
        names: of those that are told, unchanged where there is none; all when left out.
    """
    told = calibrations if names is None else {name: calibrations.get(name, IDENTITY) for name in names}
    return json.dumps({name: [one.slope, one.offset] for name, one in sorted(told.items())})


def hashed(context: RoundContext, video: Video, **parts: Any) -> str:
    """Return the hash of what something is made from: the frames of a video, the code, and ``parts`` (JSON-like)."""
    shots = context.shots_of(video.video_id)
    footage = [video.sha256, video.n_frames, video.height, video.width, video.identities.value]
    return fingerprint({
        **parts,
        "code": code_fingerprint(),
        "footage": footage,
        "frames": context.stored.part("frames.working_long_side"),
        "shots": [list(shots.cuts), [list(still) for still in shots.stills]],
    })  # fmt: skip


def _sorted(trust: Mapping[int, Mapping[str, float]]) -> list[Any]:
    # Their order counts: masks are averaged in it.
    return [[track, list(counting.items())] for track, counting in sorted(trust.items())]
