"""A backup holds a project of one moment; what is damaged is refused and leaves nothing behind."""

import shutil

import pytest

from al_core.errors import BadBackup, NoSpace, OutputExists
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tasks.project.backup import back_up, restore
from tests.toys.labelled_project import new_project


@pytest.fixture
def project(tmp_path):
    project, ledger, _ = new_project(tmp_path)
    for name in ("rounds/0001/delivered/1.parquet", "cache/frames/1.png", "rounds/0001/half.part", "inbox/a.json"):
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).write_bytes(name.encode() * 1000)
    return project, ledger


def test_it_comes_back_elsewhere(project, tmp_path):
    project, ledger = project
    done = back_up(project, ledger, tmp_path / "work.tar")
    assert restore(tmp_path / "work.tar", tmp_path / "elsewhere") == done
    files = sorted(p.relative_to(tmp_path / "elsewhere").as_posix() for p in (tmp_path / "elsewhere").rglob("*.*"))
    assert files == ["inbox/a.json", "ledger.duckdb", "rounds/0001/delivered/1.parquet"]
    copy = Project.at(tmp_path / "elsewhere")
    assert (copy.inbox / "a.json").read_bytes() == (project.inbox / "a.json").read_bytes()
    assert open_ledger(copy).videos() == ledger.videos()


def test_it_is_made_while_another_writes(project, tmp_path):
    project, ledger = project
    back_up(project, ledger, tmp_path / "work.tar")
    before = (tmp_path / "work.tar").read_bytes()
    ledger.add_categories(["circle"])
    back_up(project, ledger, tmp_path / "work.tar")
    assert (tmp_path / "work.tar").read_bytes() != before
    restore(tmp_path / "work.tar", tmp_path / "elsewhere")
    assert set(open_ledger(Project.at(tmp_path / "elsewhere")).categories().values()) >= {"square", "circle"}


@pytest.mark.parametrize("cut", [0, 1, 700, -1, -600])
def test_a_file_that_was_cut_short_is_refused(project, tmp_path, cut):
    project, ledger = project
    path = tmp_path / "work.tar"
    back_up(project, ledger, path)
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content[:cut])
    with pytest.raises(BadBackup, match="whole backup"):
        restore(path, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
    assert not list(tmp_path.glob(".elsewhere*"))


def test_a_changed_byte_is_noticed(project, tmp_path):
    project, ledger = project
    path = tmp_path / "work.tar"
    back_up(project, ledger, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"delivered/1.parquetrounds", b"delivered/1.parquetroundz", 1))
    with pytest.raises(BadBackup, match=r"rounds/0001/delivered/1.parquet is not what was written"):
        restore(path, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_with_something_in_it_is_left_alone(project, tmp_path):
    project, ledger = project
    back_up(project, ledger, tmp_path / "work.tar")
    with pytest.raises(OutputExists, match="not empty"):
        restore(tmp_path / "work.tar", project.root)
    assert open_ledger(project).videos()


def test_a_full_disk_keeps_the_older_backup(project, tmp_path, monkeypatch):
    project, ledger = project
    path = tmp_path / "work.tar"
    back_up(project, ledger, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    monkeypatch.setattr("tarfile.TarFile.addfile", full)
    with pytest.raises(NoSpace, match="is full"):
        back_up(project, ledger, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
