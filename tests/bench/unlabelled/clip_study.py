"""Clips with a few labels each as one pool, as a project has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.calibration import Calibration, Samples, fit
from al_core.evaluation.video_quality import evaluate_video
from al_core.footage.clips import ClipFrames
from al_core.fusion import combine, fuse, propagations
from al_core.fusion.held_out import COMBINED, held_out
from al_core.masks.rle import encode
from al_core.propagation import Resources
from al_core.propagation.base import PropagatedFrame, Replay
from al_core.records import ALL, DeliveredMask, FrameLabel, FrameRef, Identities, Provenance
from al_core.settings import Settings
from al_core.stores.predictions import FramePrediction
from al_core.students.semi.unlabelled import UnlabelledSample
from al_core.students.train import TrainingSample
from tasks.steps.model_selection.pseudo_labels import expected_error, sure_masks
from tasks.steps.propagate import Decoded
from tests.bench.unlabelled.study import Figures, Predict

Delivered = dict[int, list[DeliveredMask]]


@dataclass(frozen=True)
class LabelledClip:
    """A clip, the truth of its frames at the size at which they are read, and which of them have labels."""

    frames: ClipFrames
    truth: Mapping[int, FrameLabel]
    marks: Sequence[int]

    @property
    def labels(self) -> dict[int, FrameLabel]:
        """The truth of labelled frames."""
        return {i: self.truth[i] for i in self.marks}


class ClipStudy:
    """A pool of clips.

    Args:
        every: of the frames without labels, every so manyth is measured.
    """

    def __init__(
        self, name: str, clips: Mapping[str, LabelledClip], settings: Settings, cache: Path, every: int = 1
    ) -> None:
        self.name = name
        self.settings = settings
        self._clips = clips
        self._numbers = {clip: number for number, clip in enumerate(clips, start=1)}
        self._resources = Resources(settings.propagation, cache)
        self._every = every

    @property
    def names(self) -> list[str]:
        """The clips."""
        return list(self._clips)

    def number(self, name: str) -> int:
        """Return the number of a clip, which its frames have as their video."""
        return self._numbers[name]

    def frames(self, name: str) -> ClipFrames:
        """Return the frames of a clip."""
        return self._clips[name].frames

    @property
    def samples(self) -> list[TrainingSample]:
        """The labelled frames of all clips."""
        return [
            TrainingSample(FrameRef(self._numbers[name], i), label.masks)
            for name, clip in self._clips.items()
            for i, label in clip.labels.items()
        ]

    def read(self, frame: FrameRef) -> NDArray[np.uint8]:
        """Return a frame at working size, RGB uint8."""
        return list(self._clips.values())[frame.video_id - 1].frames.read(frame.frame_idx)

    def believed(self, predict: Predict) -> list[UnlabelledSample]:
        """Return every frame without a label, with the masks that would be delivered confidently."""
        found = []
        for name, clip in self._clips.items():
            for i, masks in self._delivered(name, self._seen(name, predict)).items():
                if i not in clip.labels and masks:
                    frame = FrameRef(self._numbers[name], i)
                    sure = sure_masks(masks, self.settings.student, {1: "object"})
                    found.append(UnlabelledSample(frame, sure, expected_error(masks)))
        return found

    def figures(self, predict: Predict) -> Figures:
        """Return J of the teachers' masks alone, and J&F of what is delivered, by clip."""
        teachers, delivered = {}, {}
        for name, clip in self._clips.items():
            truth, seen = self._measured(name), self._seen(name, predict)
            teachers[name] = _whole(self._alone(name, seen), truth, set(), Identities.PER_FRAME, "j")
            whole = self._delivered(name, seen)
            delivered[name] = _whole(whole, truth, set(clip.labels), Identities.PERSISTENT, "jf")
        return {"J of teachers' masks": teachers, "J&F delivered": delivered}

    def errors(self, name: str, predict: Predict) -> dict[int, float]:
        """Return 1 - J of the teachers' masks of each measured frame of a clip."""
        masks = self._alone(name, self._seen(name, predict))
        return {
            i: 1 - _whole({i: masks.get(i, [])}, {i: label}, set(), Identities.PER_FRAME, "j")
            for i, label in self._measured(name).items()
        }

    def _measured(self, name: str) -> dict[int, FrameLabel]:
        clip = self._clips[name]
        unlabelled = [i for i in range(clip.frames.n_frames) if i not in clip.labels][:: self._every]
        return {i: clip.truth[i] for i in unlabelled if i in clip.truth}

    def _seen(self, name: str, predict: Predict) -> list[FramePrediction]:
        """Return what teachers say of all frames of a clip."""
        return predict([FrameRef(self._numbers[name], i) for i in range(self._clips[name].frames.n_frames)])

    def _alone(self, name: str, seen: Sequence[FramePrediction]) -> Delivered:
        """Return the likeliest objects of the teachers in each measured frame, as many as people labelled at most.

        There is no threshold: what a short training is not sure of is seen too, and whether it is right counts.
        """
        most = max(len(label.objects) for label in self._clips[name].labels.values())
        found: Delivered = {}
        for i in self._measured(name):
            likeliest = sorted(seen[i].objects, key=lambda o: -o.existence)[:most]
            found[i] = [
                DeliveredMask(i, n, o.category_id, Provenance.TEACHER, o.existence, encode(o.soft_mask.full() > 0.5))
                for n, o in enumerate(likeliest, start=1)
            ]
        return found

    def _delivered(self, name: str, seen: Sequence[FramePrediction]) -> Delivered:
        clip, predicted = self._clips[name], partial(iter, seen)
        carried = Replay(partial(iter, self._carried[name]))
        calibrations = {Provenance.PROPAGATED.value: self._calibration}
        settings = self.settings.propagation
        return dict(fuse(clip.labels, carried, predicted, clip.frames.size, settings, calibrations))

    @cached_property
    def _carried(self) -> dict[str, list[PropagatedFrame]]:
        """What the propagators of the settings make of each clip's labels."""
        found = {}
        for name, clip in self._clips.items():
            sources = propagations(self._methods, self._resources, clip.frames, Decoded(clip.labels))
            found[name] = list(combine(sources, clip.labels)())
        return found

    @cached_property
    def _calibration(self) -> Calibration:
        """How confidence goes with overlap, by labels that were left out in turn."""
        rows = [
            (row.confidence, row.overlap, number)
            for number, clip in enumerate(self._clips.values())
            for row in held_out(self._methods, self._resources, clip.frames, Decoded(clip.labels))
            if row.source == COMBINED
        ]
        return fit(Samples.of(rows)) if rows else Calibration()

    @property
    def _methods(self) -> tuple[str, ...]:
        return self.settings.propagation.candidates


def _whole(
    masks: Delivered, truth: Mapping[int, FrameLabel], human: set[int], identities: Identities, metric: str
) -> float:
    rows = evaluate_video(masks, truth, human, identities)
    found = [r.value for r in rows if (r.metric, r.track_id, r.provenance) == (metric, None, ALL)]
    return found[0] if found else 0.0
