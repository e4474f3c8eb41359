"""Files that change hands: whole, by their content, and checked."""

from pathlib import Path

import pytest

from al_core.errors import DamagedFile
from tasks.engines import shared_folder
from tasks.engines.shared_folder import HandedFile, OwnFiles, SharedFolder


@pytest.fixture
def shared(tmp_path: Path) -> SharedFolder:
    (tmp_path / "shared").mkdir()
    return SharedFolder(tmp_path / "shared")


def written(path: Path) -> str:
    path.write_bytes(b"masks")
    return "what write returned"


def test_a_file_goes_there_and_back_under_the_hash_of_its_content(tmp_path: Path, shared: SharedFolder) -> None:
    target = tmp_path / "home" / "00001.parquet"
    handed, result = shared.made(target, written)
    assert result == "what write returned"
    assert Path(handed.place).suffix == ".parquet"
    assert len(Path(handed.place).stem) == 64
    assert not target.exists()
    shared.take(handed, target)
    assert target.read_bytes() == b"masks"
    assert [path.name for path in shared.root.iterdir()] == [handed.place]


def test_the_same_content_is_there_once(tmp_path: Path, shared: SharedFolder) -> None:
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"weights")
    assert shared.give(tmp_path / "a.pth") == shared.give(tmp_path / "b.pth")
    assert len(list(shared.root.iterdir())) == 1


def test_another_content_is_refused(tmp_path: Path, shared: SharedFolder) -> None:
    handed, _ = shared.made(tmp_path / "x.parquet", written)
    (shared.root / handed.place).write_bytes(b"maskz")
    with pytest.raises(DamagedFile, match="something else"):
        shared.open(handed)
    with pytest.raises(DamagedFile):
        shared.take(handed, tmp_path / "home.parquet")
    assert not (tmp_path / "home.parquet").exists()


def test_a_folder_that_is_not_mounted_is_told_in_one_line(tmp_path: Path) -> None:
    """A worker that comes late, when the folder is gone, makes none."""
    nowhere = SharedFolder(tmp_path / "nowhere")
    (tmp_path / "a.pth").write_bytes(b"weights")
    for act in (lambda: nowhere.give(tmp_path / "a.pth"), lambda: nowhere.open(HandedFile("0" * 64 + ".pth"))):
        with pytest.raises(DamagedFile, match=r"does not see the shared folder .*compute\.shared"):
            act()
    assert not nowhere.root.exists()


def test_a_file_that_never_comes_is_told(monkeypatch: pytest.MonkeyPatch, shared: SharedFolder) -> None:
    monkeypatch.setattr(shared_folder, "_PATIENCE", 0.0)
    with pytest.raises(DamagedFile, match="does not find"):
        shared.open(HandedFile("0" * 64 + ".pth"))


def test_ones_own_files_stay_where_they_are(tmp_path: Path) -> None:
    files, target = OwnFiles(), tmp_path / "00001.parquet"
    handed, _ = files.made(target, written)
    assert files.open(handed) == target
    files.take(handed, target)
    assert target.read_bytes() == b"masks"
    with pytest.raises(ValueError, match="was written"):
        files.take(handed, tmp_path / "other")


def test_work_that_goes_on_is_found_by_every_worker(tmp_path: Path, shared: SharedFolder) -> None:
    target = tmp_path / "student" / "seed0.finished.pth"
    assert shared.working(target) == shared.root / "seed0.finished.working"
    assert OwnFiles().working(target) == target.parent
    with pytest.raises(DamagedFile, match="does not see"):
        SharedFolder(tmp_path / "nowhere").working(target)
