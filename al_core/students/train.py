"""Train a student and its mean teachers on the labelled frames, through mmengine's Runner.

The result is a function of the settings, the labels, the frames and the seed: bit for bit on a CPU with the same
number of threads, also when the training was killed and called again, whatever ``checkpoint_interval`` is.
"""

import contextlib
import copy
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from al_core.errors import BadCheckpoint
from al_core.files import replaced
from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.records import FrameLabel, FrameRef, Progress, fingerprint_labels
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.build import (
    STATISTICS_PIPELINE,
    build_config,
    build_model,
    choose_device,
    config_text,
    import_mmdet,
    parts_of,
    quiet_mmengine,
    read_checkpoint,
)
from al_core.students.dataset import ItemSampler, LabelledFrames, TrainingSample, kept_generators
from al_core.students.semi.mixing import MIXES, Nearness
from al_core.students.semi.unlabelled import PairedFrames, UnlabelledFrames, UnlabelledSample, fingerprint_unlabelled
from al_core.students.weights import ClassRows, Start, class_rows, read_start
from al_core.students.zoo import FROZEN, check_start

__all__ = ["TrainedStudent", "TrainingSample", "train_student"]

Curve = list[tuple[int, float, float]]
Parts = dict[str, list[tuple[int, float]]]
ReadImage = Callable[[FrameRef], NDArray[np.uint8]]

STATISTICS_BATCHES = 16
"""Batches from which the statistics of BatchNorm are measured at the end."""

FINAL = "student.pth"
"""Name of the final checkpoint in a training's folder."""


@dataclass(frozen=True, slots=True)
class TrainedStudent:
    """What a training made.

    Attributes:
        checkpoint: file with the keys ``holds``, ``config``, ``categories``, ``student``, ``teachers``.
        curve: ``(iteration from 1, loss, learning rate)``; the seeds follow one another.
        seconds: of this call.
        notes: what a person should know, e.g. which of the given weights fitted.
        unlabelled: how many different frames that nobody labelled it learned from.
        parts: ``(iteration from 1, value)`` of each loss that is part of the whole one, by name.
    """

    checkpoint: Path
    curve: Curve
    seconds: float
    device: str
    notes: tuple[str, ...] = ()
    unlabelled: int = 0
    parts: Parts = field(default_factory=dict)


def train_student(
    student: StudentSettings,
    teachers: TeacherSettings,
    samples: Sequence[TrainingSample],
    categories: Mapping[int, str],
    read_image: ReadImage,
    work_dir: Path,
    seed: int,
    iterations: int,
    init_checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    statistics_batches: int = STATISTICS_BATCHES,
    unlabelled: Sequence[UnlabelledSample] = (),
    nearness: Nearness | None = None,
) -> TrainedStudent:
    """Train a student; a repeated call with the same arguments continues after a kill, and returns after the end.

    Args:
        samples: labelled frames, at least one; frames without objects are negatives.
        categories: name of each category id; all of them are learned, in the order of their ids.
        read_image: gives a frame as uint8 RGB [h, w, 3] at working size.
        work_dir: folder of this training; made if need be. A training of other inputs there is replaced.
        iterations: for each seed.
        init_checkpoint: weights to start from: an earlier result of this function (student and teachers), a
            checkpoint of mmengine, or a plain file of tensors.
        on_progress: called after each iteration.
        statistics_batches: from which the statistics of BatchNorm are measured at the end.
        unlabelled: frames that nobody labelled, from which the student learns too, by ``student.unlabelled``.
        nearness: of these frames, where ``student.mix`` is "depth".

    Raises:
        BadLabel: no sample, or one of an unknown category. BadSettings: the student cannot be built, or cannot learn
            from unlabelled frames, or only its heads are trained and nothing is there to start from.
        BadCheckpoint: ``init_checkpoint`` is damaged or fits nowhere. TrainingDiverged: the loss is no number.
    """
    began = time.monotonic()
    check_start(student, init_checkpoint is not None)
    import_mmdet()
    run = _Run(
        *(student, teachers, samples, categories, read_image, work_dir, seed, iterations, init_checkpoint, on_progress),
        statistics_batches=statistics_batches,
        unlabelled=tuple(unlabelled) if student.unlabelled != "none" else (),
        nearness=nearness if student.mix != "none" and MIXES[student.mix].by_nearness else None,
    )
    final = work_dir / FINAL
    content = _read_if_same(run, final)
    if content is None:
        work_dir.mkdir(parents=True, exist_ok=True)
        content = _merged(run, [_finish_part(run, number) for number in range(teachers.seeds)])
        _write(content, final)
        for leftover in work_dir.glob("seed*.pth"):
            leftover.unlink()
    curve = [tuple(point) for point in content["curve"]]
    n_unlabelled = content["holds"].get("unlabelled_frames", 0)
    seconds = time.monotonic() - began
    return TrainedStudent(final, curve, seconds, run.device, tuple(run.notes), n_unlabelled, content.get("parts", {}))


def train_seed(number: int, student: StudentSettings, **others: Any) -> tuple[Path, str]:
    """Train one of the students that :func:`train_student` trains with the same arguments, which then finds it done.

    Args:
        number: of the seed, from 0.

    Returns:
        The file, ``seed0.finished.pth`` in the folder of the training, and the device it was trained on.
    """
    import_mmdet()
    if student.unlabelled == "none":
        others = {**others, "unlabelled": ()}
    run = _Run(student, **others)
    run.work_dir.mkdir(parents=True, exist_ok=True)
    _finish_part(run, number, keep=True)
    return finished_seed(run.work_dir, number), run.device


def finished_seed(work_dir: Path, number: int) -> Path:
    """Return the file that holds the student of one seed until all are done."""
    return work_dir / f"seed{number}.finished.pth"


@dataclass(frozen=True)
class _Run:
    """What all seeds of a training share: the arguments of :func:`train_student`, and notes that grow with it."""

    student: StudentSettings
    teachers: TeacherSettings
    samples: Sequence[TrainingSample]
    categories: Mapping[int, str]
    read_image: ReadImage
    work_dir: Path
    seed: int
    iterations: int
    init_checkpoint: Path | None = None
    on_progress: Callable[[Progress], None] | None = None
    statistics_batches: int = STATISTICS_BATCHES
    unlabelled: Sequence[UnlabelledSample] = ()
    nearness: Nearness | None = None
    notes: list[str] = field(default_factory=list)

    @cached_property
    def category_ids(self) -> list[int]:
        """The category of each class index."""
        return sorted(self.categories)

    @cached_property
    def config(self) -> Any:
        """mmengine's config of the training."""
        return build_config(self.student, [self.categories[i] for i in self.category_ids], self.iterations)

    @property
    def frozen(self) -> tuple[str, ...]:
        """Parts of the model that stay as they are."""
        return FROZEN[self.student.train]

    @cached_property
    def device(self) -> str:
        """``cpu``, ``cuda`` or ``cuda:1``."""
        return choose_device(self.student.device)

    @cached_property
    def start(self) -> Start | None:
        """Weights to start from; None for random ones."""
        return read_start(self.init_checkpoint) if self.init_checkpoint else None

    @cached_property
    def identity(self) -> str:
        """Hash of everything that the result depends on."""
        heads: dict[str, Any] = {"train": self.student.train} if self.frozen else {}
        if any(sample.weight != 1 for sample in self.samples):
            heads["weights"] = sorted([*astuple(s.frame), s.weight] for s in self.samples)
        if self.unlabelled:
            how = [self.student.unlabelled, self.student.unlabelled_weight]
            heads["unlabelled"] = [*how, fingerprint_unlabelled(self.unlabelled)]
            heads |= {"mix": self.student.mix} if self.student.mix != "none" else {}
            heads |= {"nearness": self.nearness.source} if self.nearness is not None else {}
        return fingerprint(
            heads
            | {
                "config": config_text(self.config),
                "categories": sorted(self.categories.items()),
                "labels": fingerprint_labels(FrameLabel(s.frame, s.masks) for s in self.samples),
                "size": [self.student.long_side, self.student.batch_size],
                "teachers": [list(self.teachers.decays), self.teachers.seeds],
                "seed": self.seed,
                "start": fingerprint_file(self.init_checkpoint) if self.init_checkpoint else "",
            }
        )

    def seed_of(self, number: int) -> int:
        """Return the seed of one of the students."""
        return int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])

    def report(self, number: int, done: int, loss: float) -> None:
        """Tell how many iterations of one of the students are done."""
        if self.on_progress is not None:
            total = self.iterations * self.teachers.seeds
            self.on_progress(Progress(number * self.iterations + done, total, f"loss {loss:.3f}"))


def _finish_part(run: _Run, number: int, keep: bool = False) -> dict[str, Any]:
    """Return the student of one seed with its teachers, trained now or before; ``keep`` a file of it in any case."""
    finished = finished_seed(run.work_dir, number)
    part = _read_if_same(run, finished)
    told = len(run.notes)
    if part is None:
        resume_from = run.work_dir / f"seed{number}.resume.pth"
        if _read_if_same(run, resume_from) is None:
            resume_from.unlink(missing_ok=True)
        part = {"identity": run.identity, **_train_one(run, number, resume_from)}
        if run.teachers.seeds > 1 or keep:
            _write({**part, "notes": run.notes[told:]}, finished)
        resume_from.unlink(missing_ok=True)
    else:
        run.notes.extend(part.get("notes", ()))
    return part


def _train_one(run: _Run, number: int, resume_point: Path) -> dict[str, Any]:
    from al_core.students import hooks
    from al_core.students.runner import StudentRunner
    from al_core.students.semi.semi_student import SemiStudent

    seed = run.seed_of(number)
    with _own_randomness(run.device), tempfile.TemporaryDirectory() as scratch:
        hooks.seed_everything([seed, 2])
        model, start = _started_model(run, number)
        starts = [start.teacher(model, decay, number) if start else None for decay in run.teachers.decays]
        teachers, curve = hooks.MeanTeachersHook(run.teachers.decays, starts), hooks.CurveHook()
        items = _labelled(run, seed, run.iterations, run.config.train_pipeline)
        paired = PairedFrames(items, _unlabelled(run, seed)) if run.unlabelled else items
        runner = StudentRunner(
            SemiStudent(model, run.student.unlabelled, run.student.unlabelled_weight, seed)
            if run.unlabelled
            else model,
            _with_precision(run.config, run.device),
            _loader(run, paired),
            [
                hooks.FrozenPartsHook(run.frozen),
                hooks.IterationSeedHook(seed),
                hooks.UnlabelledLossesHook(),
                teachers,
                curve,
                hooks.ResumePointHook(resume_point, run.student.checkpoint_interval, run.identity),
                hooks.ProgressHook(partial(run.report, number)),
            ],
            run.device,
            resume_point if resume_point.exists() else None,
            Path(scratch),
        )
        try:
            with warnings.catch_warnings():
                # Of the future of functions that mmdet calls, thousands of times.
                warnings.simplefilter("ignore", UserWarning)
                runner.train()
                for module in (model, *(teacher.module for teacher in teachers.teachers)):
                    hooks.seed_everything([seed, 4])
                    batches = _loader(run, _labelled(run, seed, run.statistics_batches, STATISTICS_PIPELINE))
                    measure_batch_norm(module, batches, run.frozen)
        finally:
            runner.close()
    return {
        "student": _on_cpu(model),
        "teachers": [
            {"decay": d, "seed": number, "updates": int(t.n_averaged), "state_dict": _on_cpu(t.module)}
            for d, t in zip(run.teachers.decays, teachers.teachers, strict=True)
        ],
        "curve": [(number * run.iterations + i, loss, rate) for i, loss, rate in curve.curve],
        "parts": {n: [(number * run.iterations + i, value) for i, value in p] for n, p in curve.parts.items()},
    }


@torch.no_grad()
def measure_batch_norm(model: nn.Module, batches: Iterable[Any], frozen: Sequence[str] = ()) -> None:
    """Set the running statistics of BatchNorm to their plain mean over some batches.

    Neither the last few batches of a training nor an average of what earlier weights saw fits the weights of a mean
    teacher (Izmailov et al. 2018, section 3.2; Wu and Johnson 2021): after a short training it finds nothing at all
    without this. A model without BatchNorm is left alone.

    Args:
        model: an mmdet detector; its mode is left as it was.
        batches: as mmdet's data loaders give them, with annotations.
        frozen: parts of the model whose statistics stay.
    """
    was_training = model.training
    model.train()
    for part in parts_of(model, frozen):
        part.eval()
    # Those of a backbone that is kept as it was pretrained do not measure in training.
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    through = _through(model, norms)
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # for torch, a plain mean
        for batch in batches if norms else ():
            prepare: Any = model.data_preprocessor
            through(**prepare(batch, True))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(was_training)


def _through(model: nn.Module, norms: Sequence[nn.Module]) -> Callable[..., Any]:
    """Return the least of a training's step that goes through all of these norms: heads and losses take the most."""
    first = {module for part in parts_of(model, ("backbone", "neck")) for module in part.modules()}
    if first.issuperset(norms):
        detector: Any = model
        return lambda inputs, data_samples: detector.extract_feat(inputs)
    return partial(model, mode="loss")


def _started_model(run: _Run, number: int) -> tuple[nn.Module, Start | None]:
    """Return a student with weights as its layers draw them, and those of the start where they fit; and that start.

    Where the start knows other categories, what it knows of those that are still there is kept.
    """
    # What is built writes into its config, which is kept as it was asked for: the same whoever trains.
    model = build_model(copy.deepcopy(run.config.model))
    with quiet_mmengine():
        model.init_weights()  # type: ignore[operator]
    start = run.start
    if start is not None:
        if start.categories and list(start.categories.items()) != sorted(run.categories.items()):
            start = start.fitted(_class_rows(run, start, model), model.state_dict())
        run.notes.append(start.load_student(model, number))
    return model, start


def _class_rows(run: _Run, start: Start, model: nn.Module) -> ClassRows:
    """Tell which rows of the model's weights belong to which category of the start."""
    names = [run.categories[number] for number in run.category_ids]
    with torch.random.fork_rng(devices=[]):
        larger = build_model(build_config(run.student, [*names, "one more"], run.iterations).model)
    return class_rows(model.state_dict(), larger.state_dict(), start.categories, run.categories)


def _with_precision(config: Any, device: str) -> Any:
    """Choose half precision on CUDA; on a CPU bfloat16 gains little and is not worth its rounding."""
    if device == "cpu" or config.optim_wrapper.type != "OptimWrapper":
        return config
    mixed = copy.deepcopy(config)
    mixed.optim_wrapper.type = "AmpOptimWrapper"
    return mixed


def _labelled(run: _Run, seed: int, n_batches: int, pipeline: Sequence[Mapping[str, Any]]) -> LabelledFrames:
    return LabelledFrames(run.samples, *_stream(run, seed, n_batches, pipeline))


def _unlabelled(run: _Run, seed: int) -> UnlabelledFrames:
    """Return the stream of unlabelled frames: augmented as labelled ones, and with its ignore regions not painted over,
    since they hold the objects' surroundings, and objects."""
    pipeline = [step for step in run.config.train_pipeline if step["type"] != "PaintIgnored"]
    mix = None if run.student.mix == "none" else MIXES[run.student.mix]
    return UnlabelledFrames(
        run.unlabelled, *_stream(run, seed, run.iterations, pipeline), mix=mix, nearness=run.nearness
    )


def _stream(run: _Run, seed: int, n_batches: int, pipeline: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    length = n_batches * run.student.batch_size
    return run.category_ids, run.read_image, run.student.long_side, pipeline, seed, length


def _loader(run: _Run, frames: LabelledFrames | PairedFrames) -> DataLoader:
    from mmengine.dataset import pseudo_collate

    sampler = ItemSampler(len(frames))
    # No worker processes: an item takes a hundredth of a step, and frames are read through the caller's store.
    return DataLoader(frames, batch_size=run.student.batch_size, sampler=sampler, collate_fn=pseudo_collate)


def _merged(run: _Run, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    # A pickle tells apart names that are one object and names that are only equal, as those of a file are.
    names = ("decay", "seed", "updates", "state_dict")
    teachers = [{name: teacher[name] for name in names} for part in parts for teacher in part["teachers"]]
    drawn = _unlabelled(run, run.seed_of(0)).n_drawn if run.unlabelled else 0
    return {
        "holds": {
            "student": f"student of seed 0 after {run.iterations} iterations",
            "teachers": [f"teacher {t['decay']} of seed {t['seed']}" for t in teachers],
            "labelled_frames": len(run.samples),
            **({"unlabelled_frames": drawn} if drawn else {}),
            "seed": run.seed,
            "started_from": run.init_checkpoint.name if run.init_checkpoint else "random weights",
        },
        "config": config_text(run.config),
        "categories": dict(sorted(run.categories.items())),
        "student": parts[0]["student"],
        "other_students": {number: part["student"] for number, part in enumerate(parts) if number > 0},
        "teachers": teachers,
        "curve": [point for part in parts for point in part["curve"]],
        "parts": _joined([part.get("parts", {}) for part in parts]),
        "identity": run.identity,
    }


def _joined(parts: Sequence[Parts]) -> Parts:
    """Return the losses of several trainings, one after the other."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: [point for part in parts for point in part.get(name, [])] for name in names}


def _read_if_same(run: _Run, path: Path) -> dict[str, Any] | None:
    """Read a file of this training; what is damaged is noted, what belongs to another training is passed over."""
    if not path.exists():
        return None
    try:
        content = read_checkpoint(path)
    except BadCheckpoint as error:
        run.notes.append(f"{error}; this part of the training starts again")
        return None
    return content if content.get("identity") == run.identity else None


def _write(content: dict[str, Any], path: Path) -> None:
    """Write all of the file, or nothing."""
    with replaced(path) as unfinished, unfinished.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())


def _on_cpu(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


@contextlib.contextmanager
def _own_randomness(device: str) -> Iterator[None]:
    """Give the rest of the process its own generators back after a training, which seeds the global ones."""
    deterministic = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    devices = [torch.device(device).index or 0] if device != "cpu" else []
    try:
        with kept_generators(), torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.backends.cudnn.deterministic = deterministic
