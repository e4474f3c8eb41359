"""Files of a video that is purged."""

import pytest

from al_core.errors import NotReady, RunLocked, UnknownName
from al_core.project import Project
from al_core.settings import Settings
from tasks.curation.removal import planned_purge, purge
from tasks.ledger.client import open_ledger
from tasks.processes.run_lock import only_run
from tasks.project.backup import back_up, restore
from tests.toys.labelled_project import finished_project, frames_of


@pytest.fixture
def built(tmp_path):
    """Two finished rounds of a clip whose frames were decoded, with a file for it in the inbox."""
    project, ledger, _ = finished_project(tmp_path)
    frames_of(project, ledger).thumbnails(1, [0])
    project.inbox.mkdir(exist_ok=True)
    (project.inbox / "r0002-v00001-f0000003.png").write_bytes(b"x")
    (project.inbox / "r0002-v00002-f0000003.png").write_bytes(b"x")
    return project, ledger


def test_every_file_goes_and_is_told(built):
    project, ledger = built
    sha256 = ledger.video("clip").sha256
    told = "\n".join(planned_purge(project, ledger, "clip").describe())
    done = purge(project, ledger, "clip", "lea")
    assert f"cache/frames/{sha256}" in told
    assert "r0002-v00001-f0000003.png" in told
    assert "answer" in told
    assert "stays: the footage itself" in told
    assert "what the students of 2 rounds learned (1, 2)" in told
    assert not [path for path in done.files if path.exists()]
    assert not list(project.root.rglob("delivered/*.parquet"))
    assert (project.inbox / "r0002-v00002-f0000003.png").exists()
    assert ledger.videos() == []


def test_a_backup_that_is_made_later_has_nothing_of_it(built, tmp_path):
    project, ledger = built
    purge(project, ledger, "clip", "lea")
    back_up(project, ledger, tmp_path / "later.tar")
    restore(tmp_path / "later.tar", tmp_path / "again")
    again = Project.at(tmp_path / "again")
    assert open_ledger(again).videos() == []
    assert not [path for path in again.root.rglob("*") if "v00001" in path.name]


def test_cut_off_after_the_files_the_same_call_does_the_rest(built):
    project, ledger = built
    plan = planned_purge(project, ledger, "clip")
    for path in plan.files:
        if path.is_file():
            path.unlink()
    purge(project, ledger, "clip", "lea")
    assert ledger.videos() == []


def test_refusals_change_nothing(built):
    project, ledger = built
    with pytest.raises(UnknownName, match="known: clip"):
        purge(project, ledger, "clap", "lea")
    with only_run(project.root), pytest.raises(RunLocked, match="a process works on the rounds of"):
        purge(project, ledger, "clip", "lea")
    ledger.begin_round(Settings())
    with pytest.raises(NotReady, match="round 3 is under way and may have begun with 'clip'"):
        purge(project, ledger, "clip", "lea")
    assert (project.inbox / "r0002-v00001-f0000003.png").exists()
    assert len(ledger.videos()) == 1
