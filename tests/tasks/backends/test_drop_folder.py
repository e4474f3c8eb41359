"""Files that people drop: each is read once, when it no longer grows, and nothing is lost when the process dies."""

import hashlib
import json
import os

import pytest

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnFrame, DrawnMask, FileContent, FrameName
from al_core.project import Project
from tasks.backends import drop_folder
from tasks.backends.drop_folder import DropFolder, asked_by
from tests.toys.ledgers import square

FRAME = DrawnFrame((DrawnMask(2, "cat", square()),), 33.0)


@pytest.fixture
def project(tmp_path):
    project = Project.at(tmp_path)
    project.inbox.mkdir(parents=True)
    return project


@pytest.fixture
def read():
    """Reads a file as the frame of its name; notes what it read. Files that say "bad" cannot be used."""

    def reading(path):
        reading.seen.append(path.name)
        if path.read_bytes() == b"bad":
            raise BadLabel(f"{path.name}: cannot be used")
        return FileContent({path.stem: FRAME})

    reading.seen = []
    return reading


def drop(project, name="r1.png", content=b"good"):
    path = project.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def interrupted(*args):
    raise KeyboardInterrupt


def test_a_good_file_is_understood_and_read_once(project, read):
    folder = DropFolder(project, 0.0)
    assert folder.understood(["r1"]) == []
    drop(project)
    for _ in range(2):
        folder.take_in(read)
    assert read.seen == ["r1.png"]
    ((_, understood),) = folder.understood(["r1"])
    assert understood.drawn == FRAME
    assert (project.inbox / "accepted/r1.png").read_bytes() == b"good"


def test_a_newer_file_of_the_same_name_is_another_answer(project, read):
    folder = DropFolder(project, 0.0)
    for content in (b"good", b"better"):
        drop(project, content=content)
        folder.take_in(read)
    assert len({understood.answer_id for _, understood in folder.understood(["r1"])}) == 2
    assert {path.name for path in (project.inbox / "accepted").glob("*.png")} == {"r1.png", "r1-2.png"}


def test_a_bad_file_is_moved_with_its_reason_and_told_once(project, read):
    folder = DropFolder(project, 0.0)
    drop(project, "mine/r1.png", b"bad")
    folder.take_in(read)
    assert folder.rejected() == ["r1.png: cannot be used (moved to inbox/rejected/r1.png)"]
    assert folder.rejected() == []
    assert (project.inbox / "rejected/r1.png.txt").read_text() == "r1.png: cannot be used\n"
    assert folder.understood(["r1"]) == []


def test_a_file_whose_name_is_no_utf_8_is_told_by_its_bytes_and_the_others_are_read(project, read):
    folder = DropFolder(project, 0.0)
    drop(project, os.fsdecode(b"caf\xe9.png"))
    drop(project)
    folder.take_in(read)
    (said,) = folder.rejected()
    assert said.startswith("caf\\xe9.png: the name is not UTF-8")
    assert said.endswith("rename it (moved to inbox/rejected/caf\\xe9.png)")
    assert read.seen == ["r1.png"]


def test_killed_before_the_file_was_moved_the_answer_is_the_same(project, read, monkeypatch):
    path = drop(project)
    with monkeypatch.context() as patch:
        patch.setattr(drop_folder.os, "replace", _only_within(project.inbox / "accepted/understood"))
        with pytest.raises(KeyboardInterrupt):
            DropFolder(project, 0.0).take_in(read)
    before = DropFolder(project, 0.0).understood(["r1"])
    assert path.is_file()
    folder = DropFolder(project, 0.0)
    folder.take_in(read)
    assert len(before) == 1
    assert folder.understood(["r1"]) == before
    assert not path.exists()


def _only_within(folder, replace=os.replace):
    """Moves files within a folder; ends the process at any other."""

    def moving(source, target):
        if os.fspath(target).startswith(os.fspath(folder)):
            return replace(source, target)
        raise KeyboardInterrupt

    return moving


@pytest.mark.parametrize("name", [".DS_Store", "r1.png.part", "r1.png~", "r1.png.crdownload"])
def test_unfinished_and_hidden_files_are_left_alone(project, read, name):
    path = drop(project, name)
    DropFolder(project, 0.0).take_in(read)
    assert read.seen == []
    assert path.is_file()


def test_a_file_that_grows_is_left_for_the_next_look(project, read, monkeypatch):
    path = drop(project, content=b"go")
    folder = DropFolder(project, 9.0)
    monkeypatch.setattr(drop_folder.time, "sleep", lambda seconds: path.write_bytes(b"good"))
    folder.take_in(read)
    assert read.seen == []
    monkeypatch.setattr(drop_folder.time, "sleep", lambda seconds: None)
    folder.take_in(read)
    assert read.seen == ["r1.png"]


def test_a_file_that_rests_is_read_at_once(project, read, monkeypatch):
    os.utime(drop(project), (1e9, 1e9))
    monkeypatch.setattr(drop_folder.time, "sleep", interrupted)
    DropFolder(project, 9.0).take_in(read)
    assert read.seen == ["r1.png"]


def test_a_name_that_was_not_asked_for_is_told_with_one_that_was(project):
    asked = Asked("r1", 4, 4, True)
    find = asked_by(project.inbox / "all.json", {"r1": asked}, (".png", ".json"))
    assert find(FrameName("R1.png")) is asked
    with pytest.raises(BadLabel, match=r"all\.json: no frame of the name 'r2' was asked for.*'r1'.*\.png and \.json"):
        find(FrameName("r2.png"))


@pytest.mark.parametrize(
    "name",
    [
        "R1",
        "r1_jpg.rf.0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "r1.jpg",
        "0a1b2c3d-r1",
        "r1 (2)",
        "r1 - Copy",
        "r1 copy 2",
    ],
)
def test_a_name_that_a_tool_changed_is_found(project, name):
    asked = Asked("r1", 4, 4, True)
    assert asked_by(project.inbox / "all.json", {"r1": asked}, (".json",))(FrameName(f"{name}.png")) is asked


@pytest.mark.parametrize("name", ["r1_2", "r12", "xr1", "r1_mask", "r1-1"])
def test_a_name_that_somebody_chose_is_not_guessed(project, name):
    with pytest.raises(BadLabel, match="no frame of the name"):
        asked_by(project.inbox / "all.json", {"r1": Asked("r1", 4, 4, True)}, (".json",))(FrameName(f"{name}.png"))


def test_files_that_answer_one_frame_are_all_answers_the_newest_file_last(project, read):
    for name, changed in (("ann/r1.png", 2e9), ("bob/r1.png", 1e9), ("zoe/r1.png", 1.5e9)):
        os.utime(drop(project, name, name.encode()), (changed, changed))
    folder = DropFolder(project, 0.0)
    folder.take_in(read)
    ids = [understood.answer_id for _, understood in folder.understood(["r1"])]
    stored = json.loads((project.inbox / "accepted/understood/r1.json").read_text())
    assert len(set(ids)) == 3
    assert stored["answer_id"] == ids[-1]
    expected = [hashlib.sha256(f"{name}{int(t)}000000000".encode()).hexdigest()[:12] for name, t in
                (("bob/r1.png", 1e9), ("zoe/r1.png", 1.5e9), ("ann/r1.png", 2e9))]  # fmt: skip
    assert ids == [f"r1-{revision}" for revision in expected]


def test_frames_that_cannot_be_used_leave_the_others(project):
    drop(project, "all.json")
    folder = DropFolder(project, 0.0)
    folder.take_in(lambda path: FileContent({"r1": FRAME}, ("all.json: r2: no pixels",), ("all.json: 1 region",)))
    fault = "all.json: r2: no pixels (1 other frame of the file taken)"
    assert folder.rejected() == [fault, "note: all.json: 1 region"]
    assert len(folder.understood(["r1", "r2"])) == 1
    assert (project.inbox / "accepted/all.json.txt").read_text() == "all.json: r2: no pixels\n"
