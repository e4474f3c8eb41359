"""Values for every type that the ledger's operations take or return, and whether two such values are the same."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from fractions import Fraction
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import hypothesis.extra.numpy as hnp
import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from al_core.audit.audit_records import AuditAnswer, AuditSample, Certificate, JudgeQuality
from al_core.errors import FewframesError
from al_core.records import Shots
from al_core.settings import ScheduleSettings, Settings, load_settings
from tests.toys.audits.deliveries import certificate, small_sample

_SETTINGS = [Settings(), load_settings("quick"), Settings().changed({"seed": 7, "selection.strategy": "random"})]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=2)
        | st.tuples(inner, inner)
    ),
    max_leaves=4,
)
_COLUMNS = st.sampled_from(["<i4", "<i8", "<f4", "<f8", "?"])
_SIZES = st.integers(0, 5)


def _table(draw):
    n = draw(_SIZES)
    names = draw(st.lists(st.text(max_size=4), max_size=3, unique=True))
    return pa.table({name: draw(hnp.arrays(draw(_COLUMNS), n)) for name in names})


def _column(draw):
    values = draw(hnp.arrays(draw(_COLUMNS), draw(_SIZES)))
    missing = draw(hnp.arrays(bool, len(values)))
    if missing.any() and draw(st.booleans()):
        return np.ma.masked_array(values, missing)
    return draw(st.sampled_from([values, values.astype(str).astype(object)]))


def _shots(numbers):
    """Cuts and stretches at some frames."""
    rising = sorted(numbers)
    return Shots(tuple(rising), tuple(zip(rising[::2], rising[1::2], strict=False)))


_SAMPLE = small_sample()
_SPECIAL = {
    AuditSample: st.sampled_from([_SAMPLE, small_sample(2)]),
    AuditAnswer: st.sampled_from(
        [
            AuditAnswer(_SAMPLE.units[0].key, "ann", "b1", good=False, seconds=2.5),
            AuditAnswer(_SAMPLE.units[1].key, "ann", "b2", j=0.5, f=0.25),
            AuditAnswer(_SAMPLE.units[2].key, "ann", "b3", missed=2),
        ]
    ),
    Certificate: st.sampled_from(
        [certificate(), replace(certificate(2), judges=(JudgeQuality("ann", 5, 1, 7, 0, 9),))]
    ),
    Shots: st.sets(st.integers(1, 40), max_size=6).map(_shots),
    Any: _JSON,
    Settings: st.sampled_from(_SETTINGS),
    ScheduleSettings: st.builds(ScheduleSettings, answered_share=st.floats(0.1, 1), deadline_hours=st.floats(0, 1e6)),
    pa.Table: st.composite(_table)(),
    np.ndarray: st.composite(_column)(),
    Fraction: st.fractions(),
    datetime: st.datetimes(),
    str: st.text(max_size=8),
    bytes: st.binary(max_size=8),
}


def values(hint):
    """A strategy for a type hint."""
    origin, inside = get_origin(hint) or hint, get_args(hint)
    if origin in _SPECIAL:
        return _SPECIAL[origin]
    if origin in (Union, UnionType):
        return st.one_of(*map(values, inside))
    if origin is NoneType or hint is None:
        return st.none()
    if origin is tuple:
        if inside[-1] is Ellipsis:
            return st.lists(values(inside[0]), max_size=2).map(tuple)
        return st.tuples(*map(values, inside))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(*map(values, inside), max_size=3)
    if inside:
        return st.lists(values(inside[0]), max_size=3)
    return _checked(hint) if is_dataclass(hint) else st.from_type(hint)


def _checked(cls):
    """Instances of a dataclass that its own checks let through; most of them need small numbers that fit together."""
    hints = get_type_hints(cls)
    simple = {int: st.integers(0, 3) if cls.__name__ != "Rle" else st.integers(1, 9), float: st.floats(0, 100)}
    simple[float | None] = st.none() | simple[float]
    chosen = {name: simple.get(hints[name], values(hints[name])) for name in (field.name for field in fields(cls))}
    if cls.__name__ == "Video":
        chosen |= {
            "kind": st.sampled_from(["file", "folder"]),
            "rotation": st.sampled_from([0, 90]),
            "n_frames": st.integers(1, 9),
            "bits": st.integers(8, 16),
        }
    if cls.__name__ == "CategoryTag":
        chosen["last_frame"] = st.integers(3, 9)
    if cls.__name__ == "FrameLabel":
        chosen["masks"] = chosen["masks"].map(lambda masks: masks[:1])

    def build(draw):
        made = {name: draw(strategy) for name, strategy in chosen.items()}
        if cls.__name__ == "MaskLabel":
            made["category_id"] = made["category_id"] + 1 if made["track_id"] else 0
        if cls.__name__ == "FrameLabel":
            there = {mask.track_id for mask in made["masks"]}
            made["absent"] = () if made["complete"] else tuple(t for t in made["absent"] if t not in there)
        return cls(**made)

    return st.composite(build)()


def same(one, other):
    """Whether two values are equal, of the same types, and nan where the other is nan."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and same(one.tolist(), other.tolist())
    if isinstance(one, pa.Table):
        return one.schema == other.schema and same(one.to_pydict(), other.to_pydict())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if is_dataclass(one):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, FewframesError):
        return same((one.args, vars(one)), (other.args, vars(other)))
    return one == other or (one != one and other != other)
