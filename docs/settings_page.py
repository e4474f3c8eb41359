"""Write ``docs/settings.md`` from the settings themselves; ``make docs`` calls it.

Names, types, ranges and defaults are read from ``al_core/settings.py``; what a setting means is said here. A
test compares the page with what this makes, and fails for a setting that nobody explained.
"""

import sys
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from al_core.settings import PRESETS, Settings  # noqa: E402

PAGE = ROOT / "docs" / "settings.md"

HEAD = """# Settings

*Written by `docs/settings_page.py` from `al_core/settings.py`; change it there.*

A campaign has one set of settings. They are read once, when a command starts, and every round keeps its own
copy in the ledger. A name that does not exist, a value out of range, a file of weights that is not there or holds none,
and numbers that contradict each other are refused before anything is stored, and the message says which.

```sh
fewframes run --project work --settings quick
fewframes run --project work --settings my.toml --set selection.strategy=random --set teachers.seeds=2
```

`--settings` takes the name of a preset or a TOML file; what the file leaves out keeps its default. `--set`
changes one setting by its dotted name. Without `--settings`, a project goes on with the settings of its
last round.
"""

MEANING = {
    "seed": "Everything random follows from it: runs with the same seed and settings give the same labels.",
    "frames.working_long_side": "Longer side of a frame inside the loop, in pixels. Smaller frames are never "
    "enlarged; labels always keep the full size.",
    "frames.cache_gigabytes": "How much decoded frames may take on disk.",
    "student.config": "The student: a name in `configs/students`, the path of a config, or `mmdet::...` (see "
    "[students](students.md)).",
    "student.override": "A config file with what differs from `student.config`.",
    "student.train": "`all` of it, or only its `heads`: backbone and neck then stay as they are in the weights that it "
    "starts from (see [students](students.md)).",
    "student.when": "Train `always`, in every round, or only where it `pays`: not before a label shows an object, not "
    "where nothing was labelled since, and not where frames that people labelled after delivery say that teachers "
    "bring nothing ([students](students.md#when-it-is-trained)).",
    "student.init_weights": "A file of weights that the first round starts from; `project`: the encoder that "
    "`fewframes pretrain --depth` trained; empty means random weights.",
    "student.warm_start": "Later rounds start from the student of the round before.",
    "student.long_side": "Longer side of the image that the student sees, in pixels.",
    "student.iterations": "Training steps of a round that starts from the round before.",
    "student.first_round_iterations": "Training steps of a round that starts from scratch or from `init_weights`.",
    "student.batch_size": "Images in a training step.",
    "student.learning_rate": "Highest learning rate of AdamW; it warms up and then falls along a cosine.",
    "student.checkpoint_interval": "Training steps between two checkpoints: at most so many are lost "
    "when the process is killed.",
    "student.max_objects": "At most so many objects in an image.",
    "student.device": "Where to train and predict: `cpu`, `cuda`, `cuda:1` for the second GPU, or `auto`, which "
    "takes CUDA where there is one.",
    "student.unlabelled": "What frames that nobody labelled teach: `none`, nothing; `self`, the masks that the round "
    "before delivered there; `mmt_psm`, to agree with the mean teacher; `s4gan`, masks that pass for drawn by people; "
    "`cycle`, to tell enough for a painter to paint the frame again, for `semantic_unet` only "
    "([how](unlabelled.md)).",
    "student.unlabelled_weight": "What unlabelled frames count beside labelled ones in a training step; 0 trains as "
    "without them.",
    "student.unlabelled_confidence": "Least calibrated confidence of a delivered mask that `self` learns from, and "
    "that `mix` pastes.",
    "student.mix": "How frames that nobody labelled are mixed: `none`; `class`, half of the objects of one are pasted "
    "onto another; `depth`, of two the nearer pixels are taken, by what `fewframes pretrain --depth` learnt "
    "([depth](depth.md)).",
    "student.lower_on_memory": "When memory runs out in a step, try it once more with a smaller `student.batch_size`, "
    "then a smaller `student.long_side`, which later rounds keep.",
    "teachers.decays": "One mean teacher per decay of its moving average.",
    "teachers.seeds": "Students that are trained side by side, each with its own teachers.",
    "teachers.views": "What each teacher sees of a frame: `identity`, `flip`, `scale_small`, `scale_large`, "
    "`bright`, `dark`.",
    "teachers.score_threshold": "Detections below this score are not made.",
    "teachers.match_iou": "Masks of two members that overlap at least so much (IoU) show the same object.",
    "teachers.agreement_iou": "Frames in which all teachers surely see the same objects, each through another view, "
    "with masks that overlap at least so much (IoU), are not seen through the others; 1 sees all through all views.",
    "uncertainty.class_entropy": "Weight of the entropy of an object's class distribution.",
    "uncertainty.mutual_information": "Weight of the disagreement of members about the class.",
    "uncertainty.box_spread": "Weight of the spread of the members' boxes.",
    "uncertainty.mask_disagreement": "Weight of 1 - mean pairwise IoU of the members' masks.",
    "uncertainty.existence_disagreement": "Weight of objects that some members miss.",
    "uncertainty.temporal_inconsistency": "Weight of the difference to the neighbouring frames.",
    "uncertainty.plugins": "Components of your own; see [plug-ins](plugins.md).",
    "uncertainty.plugin_weight": "Weight of each of them.",
    "selection.strategy": "How frames are chosen; see [the strategies](selection.md), and [plug-ins](plugins.md).",
    "selection.frames_per_round": "Frames that a round asks for; `auto`: a fifth of the budget, at least two for each "
    "person, and enough that nobody waits while the machine works.",
    "selection.control_share": "Share of each round that is drawn at random, to measure what the strategy gains; "
    "when it gains nothing, frames are spread evenly.",
    "selection.planned_frames": "Frames that the whole campaign is going to ask for, so that `uniform` can "
    "spread them evenly from the start; 0 means unknown.",
    "selection.min_gap": "Two chosen frames of a video are at least so many frames apart.",
    "selection.quota_per_video": "At most so many frames of one video in a round; 0 means no limit.",
    "selection.pool_factor": "`hybrid` picks diverse frames among this many times as many least certain ones.",
    "annotator.backend": "Who answers: `page` (people at our page), `simulated` (held-back ground truth; never in a "
    "project where people label), `inbox` (files that people drop), `label_studio` or `cvat` (see "
    "[other tools](label-tools.md)).",
    "annotator.kinds": "What people at our page, and the simulated annotator, may be asked for: `accept` (a yes or "
    "no), `tag` (which objects are here), `click`, `box`, `scribble`, `polygon`, `mask`.",
    "annotator.attributes": 'What may be said of an object beside its mask: "occluded" of each, "car: parked" of those '
    "of one category.",
    "annotator.noise_pixels": "How far, in pixels, the simulated annotator's outlines are off.",
    "annotator.mask_seconds": "Human seconds to draw one mask.",
    "annotator.box_seconds": "Human seconds to draw one box.",
    "annotator.click_seconds": "Human seconds of one click.",
    "annotator.click_overhead_seconds": "Human seconds to look at an object before the first click.",
    "annotator.absent_seconds": "Human seconds to say that nothing is there.",
    "annotator.accept_seconds": "Human seconds to look at a mask that is shown, and accept or reject it.",
    "annotator.polygon_seconds": "Human seconds to click a coarse outline around one object.",
    "annotator.scribble_seconds": "Human seconds to scribble over what is wrong with one object.",
    "annotator.click_noise_pixels": "How far, in pixels, simulated clicks and vertices of outlines are off.",
    "annotator.box_noise_pixels": "How far, in pixels, the sides of simulated boxes are off.",
    "annotator.label_studio_url": "Where `label_studio` finds the server; without user and password.",
    "annotator.label_studio_token_variable": "Name of the environment variable that holds its access token.",
    "annotator.cvat_url": "CVAT server that each round is uploaded to; empty: files only.",
    "annotator.cvat_token_variable": "Name of the environment variable that holds its access token.",
    "annotator.judgement_error": "How far off the simulated annotator judges the overlap (IoU) of a mask shown.",
    "annotator.same_video": "At `page` a frame of the video that a person labelled last comes before so many of better "
    "rank: whoever knows a video labels its frames faster. It costs nothing where a round waits for all its frames; "
    "where it goes on without some, each of these is at most so many ranks better than one that was labelled.",
    "annotator.lease_seconds": "A frame of `page` returns to the queue so long after its holder was last heard of.",
    "annotator.blind_share": "Share of requests that `page` shows without masks, to see who accepts too much.",
    "annotator.double_share": "Share of requests that `page` gives to a second person too; the first answer counts, or "
    "of three that differ the one that agrees most.",
    "annotator.review": "`after`: reviewers look at answers, and what they return is asked again; `before`: nothing is "
    "used before it is approved.",
    "annotator.review_share": "Share of the answers that reviewers get to see; 1 with `before`.",
    "annotator.review_order": "`least_agreed`: those first that agree least with another person or with the masks that "
    "were shown; `oldest`: as they came.",
    "annotator.known_truth_share": (
        "So many frames more, as a share of a round's requests, that `page` asks for again after earlier rounds; only "
        "compared, never counted."
    ),
    "annotator.ahead": "Frames of the next round that `page` asks for beforehand; 0: people wait while a round trains; "
    "`auto`: as many as people can label while the machine works.",
    "annotator.refiner": "What makes masks of clicks, strokes and boxes on `page`: `learned`, `plain` (the colours of "
    "the frame alone), or [your own](plugins.md).",
    "annotator.refiner_seconds": "Seconds of training in each round for a refiner of `page` that learns from the "
    "labels (see [how it learns](drawing-tools.md#a-refiner-that-learns)); 0: none.",
    "annotator.refiner_steps": "Steps of that training, however long they take, so that a slower machine ends with the "
    "same network; 0: as many as its seconds allow.",
    "propagation.methods": "How masks are carried to other frames: `flow` (dense optical flow), "
    "`affinity` (copied between what looks alike, with features learnt on the clip), "
    "`specialist` (flow averaged with a small network that is trained on the clip), "
    "`tracks` (flow, and objects of one class kept apart), and others: see [propagation](propagation.md). "
    "`auto`: the first three are tried on labels that are left out, and one is chosen for each object of each video.",
    "propagation.seconds_per_frame": "With `auto`: machine seconds that it may take to put one frame right; 0 tries "
    "nothing dear.",
    "propagation.flow_long_side": "Longer side of the images that flow is computed on, in pixels.",
    "propagation.flow_preset": "Speed of the flow: OpenCV's presets of DIS, or, at full resolution, `balanced` "
    "and `fine`, which is slower and better on cells.",
    "propagation.teacher_weight": "How much the teachers' masks count beside a propagated mask; 0 leaves them out.",
    "propagation.new_object_threshold": "Existence probability above which teachers may add an object "
    "that no human labelled.",
    "propagation.encoder": "File of the encoder that `affinity` compares frames with and `tracks` knows objects by; "
    "`project`: the one that `fewframes pretrain` trained; empty: the same, and where there is none, `affinity` trains "
    "one on each clip.",
    "propagation.backbone": "What `specialist` and `affinity` know of pictures before they see the clip: "
    "`efficientnet-lite0`, trained on ImageNet, or `none`.",
    "propagation.specialist_steps": "Steps of training of `specialist` on each clip.",
    "propagation.parent": "File of weights that `specialist` starts from; `project`: those that `fewframes pretrain` "
    "trained; empty means random weights.",
    "propagation.cutie_weights": "File of Cutie's weights, for the propagator `cutie`, as its project publishes them.",
    "propagation.sam_weights": "Folder of SAM 2's weights, or of SAM 3's tracker, for clicks and boxes on the page and "
    "for the propagator `sam2`.",
    "propagation.encoder_steps": "Steps of that training; 0 leaves it untrained.",
    "discovery.methods": "What looks for objects by itself while people at our page have the first frames in hand: "
    "`motion`, `granularity`, `exemplars`, `boxes`, `scribbles`, `tags`, or nothing ([discovery](discovery.md)).",
    "discovery.backbone": "File of weights for what starts from tags: MobileNetV2, or ResNet 18, 34 or 50, trained on "
    "ImageNet, or an encoder of `fewframes pretrain --encoder`; empty for EfficientNet-Lite0, which is installed.",
    "stopping.max_rounds": "Stop after so many rounds; `auto`: when the budget is labelled, which is "
    "`max_human_frames` or, where that is 0, 5 % of all frames (1,000 at most, but four of each video).",
    "stopping.max_human_frames": "Stop when humans have labelled so many frames.",
    "stopping.max_human_seconds": "Stop when humans have spent so many seconds.",
    "stopping.target_coverage": "Stop when this share of all frames has masks.",
    "stopping.target_quality": "Stop when what was delivered is this good: the lower bound of the estimate of "
    "`target_metric` from the audit, see [audits](leading.md#audits-quality-without-ground-truth).",
    "stopping.target_metric": "`good`: share of masks with an IoU of at least `audit.iou`; `j`; `jf`: J&F.",
    "stopping.target_confidence": "How sure that has to be.",
    "stopping.plateau_rounds": "Stop when quality has not risen by `plateau_gain` in so many rounds: J&F by held-back "
    "truth, else on held-out frames, else the share of good masks that audits estimate.",
    "stopping.plateau_gain": "The rise in that figure that counts as progress.",
    "audit.judged": "Masks of a delivery that counts (the last one, one that may reach `stopping.target_quality`, or "
    "each one with `certificates.automatic`) that people say a yes or no to. 60 without a bad one bound the error by "
    "6 % in a project's first certificate, 72 by 5 %.",
    "audit.blind": "Masks of it that people draw from nothing, to measure masks and judgements.",
    "audit.frames": "Frames of it that people look through for objects without a mask.",
    "audit.share": "What is asked about other deliveries takes people at most so much of the time for the next round's "
    "labels; 0 asks nothing about them.",
    "audit.iou": "Overlap (IoU) from which a mask is good enough.",
    "audit.judge_seconds": "Human seconds for a yes or no to one mask.",
    "audit.look_seconds": "Human seconds to look one frame through.",
    "audit.simulated": "Whether the simulated annotator is asked too, although truth measures already.",
    "certificates.automatic": "Rounds decide by themselves which masks of the delivery before are accepted, once its "
    "audit is answered (see [certificates](certificates.md)).",
    "certificates.error": "Largest share of accepted masks that may be not good enough.",
    "certificates.confidence": "Of all certificates of the project together.",
    "certificates.judged": "Masks of each delivery that people judge where rounds certify by themselves, if that is "
    "more than `audit.judged`. 160 serve ten looks at an error of 5 %.",
    "certificates.corrected": "Allow for bad masks that judges let pass, as masks that were drawn blind show.",
    "certificates.teach": "Accepted masks teach the student too: as many frames at most as people labelled.",
    "schedule.answered_share": "A round goes on when this share of its requests is answered; 1 waits for all.",
    "schedule.deadline_hours": "A round goes on with what there is so many hours after it asked; 0: no deadline.",
    "notify.url": "Address that is told of each event by a JSON POST; empty: nobody is told.",
    "notify.url_variable": "Name of the environment variable with that address, where the address is a secret.",
    "notify.page_url": "Where people open the page, for links; empty: where `serve` answers on this machine.",
    "compute.engine": "Who trains, predicts and propagates: this process (`local`), or workers of `dask` or `ray` (see "
    "[scaling](scaling.md)).",
    "compute.address": "Where the Dask scheduler listens, such as `tcp://10.0.0.5:8786`; for Ray `auto` or "
    "`ray://...`, or empty for this machine alone.",
    "compute.threads": "Threads of numerical libraries, in every worker; fixed, masks are the same to the byte on any "
    "engine. 0 leaves it to each machine.",
    "compute.gpus_per_task": "GPUs set aside for a video or a seed; below 1, several share one. With `local` and more "
    "than one share, so many processes work side by side. 0 sets none aside.",
    "compute.shared": "Folder that all machines see under this absolute path, through which files go; empty: "
    "`exchange` in the project.",
    "compute.limit_seconds": "A video or seed that takes a worker longer is given to another one; 0 waits for ever.",
}
"""What each setting means, by dotted name."""


def page() -> str:
    """Return the whole page.

    Raises:
        KeyError: a setting that nobody explained. ValueError: an explanation of no setting.
    """
    tables = [_table("", Settings, [n for n in Settings.model_fields if not _section(Settings, n)])]
    for name in Settings.model_fields:
        section = _section(Settings, name)
        if section is not None:
            tables.append(f"## {name}\n\n{_first_paragraph(section)}\n\n{_table(name + '.', section)}")
    stale = sorted(MEANING.keys() - set(_names(Settings)))
    if stale:
        raise ValueError(f"explained, but no setting: {', '.join(stale)}")
    return "\n".join([HEAD, *tables, _presets()])


def _table(prefix: str, model: type[BaseModel], names: list[str] | None = None) -> str:
    rows = ["| setting | values | default | meaning |", "|---|---|---|---|"]
    for name in names if names is not None else model.model_fields:
        field = model.model_fields[name]
        values, default = _values(field.annotation, field.metadata), _literal(field)
        rows.append(f"| `{prefix}{name}` | {values} | `{default}` | {MEANING[prefix + name]} |")
    return "\n".join(rows) + "\n"


def _presets() -> str:
    lines = ["## Presets\n"]
    for path in sorted(PRESETS.glob("*.toml")):
        text = path.read_text(encoding="utf-8").strip()
        lines.append(f"`{path.stem}` (`configs/rounds/{path.name}`):\n\n```toml\n{text}\n```\n")
    return "\n".join(lines)


def _values(kind: Any, metadata: list[Any]) -> str:
    """Put a type and its limits into words, e.g. ``whole number >= 1``."""
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return _values(inner, [*more, *metadata])
    metadata = [m for entry in metadata for m in (entry.metadata if isinstance(entry, FieldInfo) else [entry])]
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_values(part, []) for part in get_args(kind))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is tuple:
        return f"list of: {_values(get_args(kind)[0], [])}"
    words = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`"}
    if kind not in words:
        raise TypeError(f"no words for values of type {kind}")
    return " ".join([words[kind], _limits(metadata)]).strip()


def _limits(metadata: list[Any]) -> str:
    signs = {Ge: (">=", "ge"), Gt: (">", "gt"), Le: ("<=", "le"), Lt: ("<", "lt")}
    found = [(signs[type(m)][0], getattr(m, signs[type(m)][1])) for m in metadata if type(m) in signs]
    return ", ".join(f"{sign} {limit}" for sign, limit in found)


def _literal(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, tuple):
        return "[" + ", ".join(_toml(value) for value in default) + "]"
    return _toml(default)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _section(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    kind = model.model_fields[name].annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _names(model: type[BaseModel], prefix: str = "") -> list[str]:
    names: list[str] = []
    for name in model.model_fields:
        section = _section(model, name)
        names += _names(section, f"{prefix}{name}.") if section else [prefix + name]
    return names


def _first_paragraph(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").strip().split("\n\n")[0].split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
