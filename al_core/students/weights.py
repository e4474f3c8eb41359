"""Weights to start a training from: the round before, a checkpoint of mmengine, or a plain file of tensors."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from al_core.errors import BadCheckpoint
from al_core.students.build import read_checkpoint

StateDict = Mapping[str, torch.Tensor]

CONTAINERS = ("state_dict", "model", "model_state_dict", "net")
"""Keys under which checkpoints of other programs hold the weights."""

LEAST_SHARE = 0.02
"""A file that gives less than this share of a student's weights is another model's."""

PREFIXES = (("module.", ""), ("", ""), ("", "backbone."), ("module.", "backbone."))
"""What to take from a name, and what to put before it: weights of a wrapped model, or of a backbone alone."""


@dataclass(frozen=True)
class ClassRows:
    """Which rows of which tensors of a model belong to a category, and from where each category's rows are taken.

    Attributes:
        per_class: number of rows of a category, by name of the tensor: those of the categories follow one another, in
            order, and what is left at the end (the background of a softmax) belongs to none.
        origin: for each category, its place among those of the weights to start from; None for one that is new.
        n_before: how many categories these know.
    """

    per_class: Mapping[str, int]
    origin: Sequence[int | None]
    n_before: int

    def moved(self, weights: StateDict, fresh: StateDict) -> StateDict:
        """Return weights with the rows of each category where the model has them; rows of new ones are ``fresh``.

        Tensors that have other shapes than these rows explain are left as they are.
        """
        return {name: self._moved(name, value, fresh.get(name)) for name, value in weights.items()}

    def _moved(self, name: str, old: torch.Tensor, fresh: torch.Tensor | None) -> torch.Tensor:
        rows = self.per_class.get(name, 0)
        if fresh is None or not rows:
            return old
        end_before, end = rows * self.n_before, rows * len(self.origin)
        if old.shape[1:] != fresh.shape[1:] or len(old) - end_before != len(fresh) - end:
            return old
        made = fresh.detach().clone()
        made[end:] = old[end_before:]
        for place, source in enumerate(self.origin):
            if source is not None:
                made[rows * place : rows * (place + 1)] = old[rows * source : rows * (source + 1)]
        return made


def class_rows(smaller: StateDict, larger: StateDict, before: Mapping[int, str], after: Mapping[int, str]) -> ClassRows:
    """Tell which rows belong to categories, by the shapes of a model and of one with a category more.

    A category is found again by its name, else, where it was renamed, by its number.

    Args:
        smaller, larger: weights of a model for some number of categories, and for one more.
        before, after: names of categories by number, of the weights to start from and of the model; their order is that
            of their numbers.
    """
    per_class = {
        name: len(larger[name]) - len(value)
        for name, value in smaller.items()
        if name in larger and value.ndim and value.shape[1:] == larger[name].shape[1:]
    }
    places = {number: place for place, number in enumerate(sorted(before))}
    by_name = {name: places[number] for number, name in before.items()}
    origin = []
    for number in sorted(after):
        renamed = number in before and before[number] not in after.values()
        origin.append(by_name.get(after[number], places[number] if renamed else None))
    return ClassRows(per_class, origin, len(before))


@dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes:
        student: weights of a student by the number of its seed; other seeds start from the first.
        teachers: weights and number of updates by (decay, number of the seed).
        categories: names by number of what our own weights tell apart; empty where the file does not say.
    """

    source: Path
    student: Mapping[int, StateDict]
    teachers: Mapping[tuple[float, int], tuple[StateDict, int]] = field(default_factory=dict)
    categories: Mapping[int, str] = field(default_factory=dict)

    def fitted(self, rows: ClassRows, fresh: StateDict) -> "Start":
        """Return the same weights with the rows of each category where a model has them; those of new ones are
        ``fresh``."""
        teachers = {key: (rows.moved(weights, fresh), n) for key, (weights, n) in self.teachers.items()}
        students = {seed: rows.moved(weights, fresh) for seed, weights in self.student.items()}
        return replace(self, student=students, teachers=teachers)

    def load_student(self, model: nn.Module, seed: int) -> str:
        """Put the weights that fit into a model; the answer says which did.

        Raises:
            BadCheckpoint: none did, or next to none.
        """
        return _load_fitting(model, self.student.get(seed, self.student[min(self.student)]), self.source)

    def teacher(self, model: nn.Module, decay: float, seed: int) -> tuple[StateDict, int] | None:
        """Return what a teacher continues from, if it was there before and fits the model as a whole."""
        found = self.teachers.get((decay, seed))
        if found is None:
            return None
        wanted = model.state_dict()
        fits = found[0].keys() == wanted.keys() and all(found[0][k].shape == wanted[k].shape for k in wanted)
        return found if fits else None


def read_start(path: Path) -> Start:
    """Read weights from a file: ours, mmengine's, or a plain state dictionary.

    Raises:
        BadCheckpoint: the file is damaged, or holds no weights.
    """
    content = read_checkpoint(path)
    if "student" in content and "teachers" in content:
        students = {0: content["student"], **content.get("other_students", {})}
        teachers = {(t["decay"], t["seed"]): (t["state_dict"], t["updates"]) for t in content["teachers"]}
        return Start(path, students, teachers, content.get("categories", {}))
    content = next((content[key] for key in CONTAINERS if isinstance(content.get(key), dict)), content)
    weights = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not weights:
        raise BadCheckpoint(f"{path}: expected weights, it holds only {', '.join(map(str, list(content)[:5]))}")
    return Start(path, {0: weights})


def _load_fitting(model: nn.Module, weights: StateDict, source: Path) -> str:
    wanted = model.state_dict()
    fitting = max((_fitting(weights, wanted, *prefix) for prefix in PREFIXES), key=len)
    if not fitting:
        raise BadCheckpoint(
            f"{source}: nothing in it fits the student: it has {_names(weights)}, the student {_names(wanted)}"
        )
    n_all = sum(t.numel() for t in wanted.values())
    share = sum(wanted[name].numel() for name in fitting) / n_all
    told = f"{len(fitting)} of {len(wanted)} tensors fit ({share:.0%} of the weights)"
    if share < LEAST_SHARE:
        raise BadCheckpoint(
            f"{source}: next to nothing in it fits the student: {told}; give the weights of the same model, or leave "
            "student.init_weights empty"
        )
    model.load_state_dict(fitting, strict=False)
    parts = Counter(name.partition(".")[0] for name in wanted if name not in fitting)
    new = ", ".join(f"{part} ({n} of {sum(w.startswith(f'{part}.') for w in wanted)})" for part, n in parts.items())
    return f"{source.name}: {told}{f'; new: {new}' if new else ''}"


def _fitting(weights: StateDict, wanted: StateDict, strip: str, add: str) -> dict[str, torch.Tensor]:
    renamed = {add + name.removeprefix(strip): value for name, value in weights.items()}
    return {k: v for k, v in renamed.items() if k in wanted and v.shape == wanted[k].shape}


def _names(names: Any) -> str:
    shown = list(names)
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return ", ".join(shown[:3]) + more
