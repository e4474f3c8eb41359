from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import get_type_hints
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from al_core import errors
from al_core.errors import FewframesError, LedgerConflict, UnknownName
from al_core.ledger.forwarding import OPERATIONS
from al_core.records import FrameRef, LabelKind
from tasks.ledger.codec import _named_types, pack, pack_error, unpack, unpack_error
from tests.tasks.ledger.wire_values import same, values


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_an_operation_takes_and_returns_comes_out_as_it_went_in(name):
    hints = get_type_hints(OPERATIONS[name])

    @settings(max_examples=10, deadline=None)
    @given(st.fixed_dictionaries({key: values(hint) for key, hint in hints.items()}))
    def check(message):
        assert same(unpack(pack(message)), message)

    check()


@pytest.mark.parametrize(
    "value",
    [
        float("inf"),
        -0.0,
        2**80,
        "\ud800 half a pair",
        {FrameRef(1, 2): (LabelKind.BOX, [])},
        {"dict": {"tuple": 1}},
        datetime(2026, 11, 23, 1, 2, 3, 4),
        (Decimal("1.50"), UUID(int=5), b"\x00\xff", {1, 2}, frozenset({3})),
    ],
)
def test_values_that_json_does_not_know(value):
    assert same(unpack(pack(value)), value)


def test_columns_come_back_writable_and_with_their_gaps():
    gaps = np.ma.masked_array([1, 2, 3], [False, True, False])
    back = unpack(pack({"column": gaps, "names": np.array(["a", "ä"], object)}))
    assert back["column"].tolist() == [1, None, 3]
    assert back["names"].tolist() == ["a", "ä"]
    back["names"][0] = "b"


def test_a_table_keeps_its_schema():
    table = pa.table({"x": pa.array([1, None], pa.int16()), "s": ["a", "b"]})
    assert unpack(pack(table)).equals(table)


class Weather(StrEnum):
    SUN = "sun"


def test_what_is_like_a_known_type_travels_as_that():
    assert unpack(pack([np.int64(3), np.float32(0.5), Weather.SUN, OrderedDict(a=1)])) == [3, 0.5, "sun", {"a": 1}]
    assert unpack(pack(name for name in ("a", "b"))) == ["a", "b"]


def test_what_no_operation_names_does_not_travel():
    with pytest.raises(TypeError, match="object cannot travel"):
        pack(object())


def test_two_types_of_one_name_are_refused():
    other = dataclass(type("FrameRef", (), {"__annotations__": {"video_id": int}}))
    assert _named_types([FrameRef, FrameRef | None]) == {"FrameRef": FrameRef}
    with pytest.raises(ValueError, match="two types called 'FrameRef'"):
        _named_types([FrameRef, other])
    with pytest.raises(ValueError, match="two types called 'datetime'"):
        _named_types([dataclass(type("datetime", (), {}))])


@pytest.mark.parametrize(
    "message", [b"", b"\x00\x00\x00\xff{}", pack([1])[:-1], pack([1]) + b"x", b"\x00\x00\x00\x0f[{\"Path\":1},[]]"]
)  # fmt: skip
def test_what_is_no_message_is_refused(message):
    with pytest.raises(ValueError, match="announced|unknown type"):
        unpack(message)


def every_error():
    return [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, FewframesError)]


@pytest.mark.parametrize("cls", every_error())
def test_an_error_comes_back_as_its_class(cls):
    error = UnknownName("video", "clpi", ["clip"]) if cls is UnknownName else cls("what, and what to do")
    back = unpack_error(pack_error(error))
    assert type(back) is cls
    assert str(back) == str(error)


def test_an_error_keeps_what_was_added_to_it():
    error = LedgerConflict("somebody else has it")
    error.owner = "ann"
    assert unpack_error(pack_error(error)).owner == "ann"
