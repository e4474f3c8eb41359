"""What is said of a model beside its files: what it learned from, how good it is, and how to use it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from al_core.fingerprint import code_version
from al_core.records import ALL, FrameLabel, Provenance, QualityRow, whole_video
from al_core.settings import Settings
from al_core.students.plain_mmdet import PlainModel
from tasks.models.round_students import RANDOM, RoundStudent

METRICS = {"jf": "J&F", "j": "J", "f": "F", "ap50": "AP50"}
"""Figures of quality that are told, by their name in the ledger."""


@dataclass(frozen=True, slots=True)
class CardContent:
    """What a model card tells.

    Attributes:
        project: name of the project.
        videos: names by number.
        categories: names by id.
        labels: what people said, that the student learned from.
        quality: what the round's audit measured.
        files: SHA-256 of the files beside the card, by name.
        onnx: how to read the outputs of the ONNX file; empty where there is none.
    """

    project: str
    student: RoundStudent
    model: PlainModel
    videos: Mapping[int, str]
    categories: Mapping[int, str]
    labels: Sequence[FrameLabel]
    quality: Sequence[QualityRow]
    files: Mapping[str, str]
    onnx: str = ""


def model_card(content: CardContent) -> str:
    """Write the card, as Markdown."""
    parts = [
        f"# Student of round {content.student.round_id} of {content.project}",
        _table(_facts(content)),
        "## How good it is",
        _figures(content),
        "## Use it",
        _USE.format(classes=", ".join(content.model.classes)),
        "## Where it differs from the project's own masks",
        _differences(content.student.settings),
        "## Licences",
        _licences(content.student),
        *(("## ONNX", content.onnx) if content.onnx else ()),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _facts(content: CardContent) -> dict[str, str]:
    student, settings, model = content.student, content.student.settings, content.model
    facts = {
        "model": settings.student.config + (" with an override" if settings.student.override else ""),
        "weights": model.member,
        "trained": f"{student.trained_at:%Y-%m-%d %H:%M} UTC on {student.trained.device or 'an unknown device'}",
        "learned from": _learned(content),
        "started from": " <- ".join(student.ancestry),
        "images": f"scaled to {model.long_side} pixels on the longer side",
        "detections": f"with a score of at least {settings.teachers.score_threshold:g}",
        "written by": f"fewframes {code_version()}",
    }
    return facts | {f"SHA-256 of {name}": f"`{sha256}`" for name, sha256 in content.files.items()}


def _learned(content: CardContent) -> str:
    frames = Counter(content.videos.get(label.frame.video_id, "?") for label in content.labels)
    masks = Counter(content.categories.get(m.category_id, "?") for label in content.labels for m in label.objects)
    by_video = ", ".join(f"{name} {n:,}" for name, n in sorted(frames.items()))
    by_category = ", ".join(f"{name} {n:,}" for name, n in sorted(masks.items()))
    frame_count = sum(frames.values()) or content.student.trained.labels
    said = f"{frame_count:,} frames that people labelled ({by_video or 'none is left'}); masks: {by_category or 'none'}"
    unlabelled = content.student.trained.unlabelled
    return said + (f"; and {unlabelled:,} frames that nobody labelled" if unlabelled else "")


def _figures(content: CardContent) -> str:
    """Return how good the masks were that the round delivered, those of the teachers alone first."""
    rows = []
    for who, provenance in (("its teachers alone", Provenance.TEACHER.value), ("all masks of the round", ALL)):
        for metric, name in METRICS.items():
            found = whole_video(content.quality, metric, provenance)
            frames = sum(row.n_frames for row in found)
            if frames:
                mean = sum(row.value * row.n_frames for row in found) / frames
                rows.append(f"| {who} | {name} | {mean:.3f} | {len(found)} | {frames:,} |")
    if not rows:
        return "Nothing was measured: the round had no frames with truth that is held back."
    head = "| masks | metric | mean over frames | videos | frames |\n|---|---|---|---|---|"
    said = "On frames of the project's own videos with held-back truth, none of which a person labelled for training:"
    return f"{said}\n\n{head}\n" + "\n".join(rows)


def _differences(settings: Settings) -> str:
    teachers = settings.teachers
    n_members, n_views = len(teachers.decays) * teachers.seeds, len(teachers.views)
    return _DIFFERENCES.format(members=n_members, views=n_views, side=settings.frames.working_long_side)


def _licences(student: RoundStudent) -> str:
    first = student.ancestry[-1]
    if first == RANDOM:
        return "It started from random weights; the labels and the footage are the project's own."
    return (
        f"It started from `{first}`, of which fewframes does not know the licence: look where you got it, since the "
        "weights here were made from it. The labels and the footage are the project's own."
    )


def _table(facts: Mapping[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())])


_USE = """
```python
from mmdet.apis import inference_detector, init_detector

model = init_detector("config.py", "model.pth", device="cpu")
found = inference_detector(model, "image.jpg").pred_instances
print(found.scores, found.labels, found.bboxes, found.masks)
```

Nothing of fewframes is needed, only mmdet with mmcv's compiled operators. The classes are, from 0: {classes}.
"""

_DIFFERENCES = """
Given the same pixels, this model answers as it does within the project, to the bit on the same machine. The masks that
the project delivers differ, because there

- {members} teachers look through {views} views each, and what they see is averaged;
- frames are first brought to {side} pixels and kept as JPEG;
- objects are linked over time, and those that are seen in few frames, or that are not sure, are left out;
- masks that people drew, and what was carried along from them, come before what the teachers see.

Images that are smaller than the size above are enlarged here, and are not there.
"""
