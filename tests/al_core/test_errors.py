"""Messages of the errors that put them together themselves."""

import errno
from pathlib import Path

import pytest

from al_core.errors import (
    FewframesError,
    LedgerBusy,
    LedgerConflict,
    NoSpace,
    OutOfMemory,
    StaleLease,
    UnknownName,
    causes,
)


def test_an_unknown_name_lists_the_known_ones_and_the_closest() -> None:
    assert str(UnknownName("format", "coko", ["davis", "coco"])) == (
        "unknown format 'coko'; known: coco, davis. Did you mean 'coco'?"
    )
    assert str(UnknownName("format", "x", ["davis"])) == "unknown format 'x'; known: davis."
    assert str(UnknownName("request", "r1", ())) == "unknown request 'r1'"


def test_of_many_known_names_only_those_that_help_are_listed() -> None:
    many = [f"{section}.n{i}" for section in ("deep", "wide") for i in range(20)]
    assert str(UnknownName("setting", "deep.n7x", many)) == "unknown setting 'deep.n7x'. Did you mean 'deep.n7'?"
    assert str(UnknownName("setting", "deep.qqqqqqqq", ["wide.a"] * 20 + ["deep.b"])) == (
        "unknown setting 'deep.qqqqqqqq'; known: deep.b (21 in all)."
    )
    assert str(UnknownName("setting", "x", many)) == "unknown setting 'x'; known: deep.*, wide.* (40 in all)."
    clips = [f"clip{i:03}" for i in range(300)]
    assert str(UnknownName("video", "qqq", clips)).endswith("clip018, clip019 (300 in all).")


def test_a_stale_lease_says_who_holds_the_frame() -> None:
    assert StaleLease("gone").owner is None
    assert StaleLease("gone", "ann").owner == "ann"
    assert issubclass(StaleLease, LedgerConflict)
    assert issubclass(LedgerBusy, LedgerConflict)


def test_causes_that_run_in_a_circle_are_each_named_once() -> None:
    first, second = OSError("no"), ValueError("bad")
    first.__cause__, second.__context__ = second, first
    assert list(causes(first)) == [first, second]
    assert not OutOfMemory.seen_in(first)
    second.__cause__ = MemoryError()
    assert OutOfMemory.seen_in(first)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_its_folder_and_what_is_free(number: int, tmp_path: Path) -> None:
    full = NoSpace.caused_by(OSError(number, "no"), tmp_path)
    assert isinstance(full, FewframesError)
    assert str(full).startswith(f"the disk of {tmp_path} is full (")
    assert "MB free): nothing was changed; make room" in str(full)


def test_a_file_beyond_the_limit_may_not_be_a_full_disk(tmp_path: Path) -> None:
    assert "or a file grew beyond what the system allows" in str(NoSpace.caused_by(OSError(errno.EFBIG, ""), tmp_path))


def test_other_errors_of_the_system_are_none_of_it(tmp_path: Path) -> None:
    assert NoSpace.caused_by(OSError(errno.EACCES, "no"), tmp_path) is None
