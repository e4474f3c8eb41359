"""A served project is copied, as before an upgrade: what is told to one of the two never reaches the other."""

import hashlib
import shutil

import httpx
import pytest

from al_core.project import Project
from tasks.ledger.client import living_owner, open_ledger
from tests.flows.serving import label_all, serving
from tests.toys.projects import fewframes, write_clip, write_settings


def stored(project):
    """The hash of what a project has on disk of its ledger."""
    return [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (project.ledger_path, project.ledger_path.with_name("ledger.duckdb.wal"))
        if path.is_file()
    ]


def said(project, *words):
    """Give a command on a project, which has to do its work; returns what it said."""
    done = fewframes(*words, "--project", project.root)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_no_command_on_a_copy_changes_the_original_and_none_on_the_original_the_copy(tmp_path, tried):
    original = Project.at(tmp_path / "original")
    assert fewframes("ingest", write_clip(tmp_path / "data"), "--project", original.root).returncode == 0
    tried(original)
    run = ("run", "--settings", write_settings(tmp_path), "--set", "annotator.backend=page", "--rounds", "1")
    assert fewframes(*run, "--project", original.root).returncode == 0
    ledger = open_ledger(original)
    truth = ledger.truth(1)
    key = ledger.sign_in(ledger.add_annotator("ann"), 1000.0)
    with serving(original) as (_, owner):
        first = httpx.Client(base_url=owner.url, cookies={"fewframes_session": key}, headers={"X-Fewframes": "1"})
        first.post("/api/next").raise_for_status()
        copy = Project.at(shutil.copytree(original.root, tmp_path / "copy"))
        before = stored(original)

        assert living_owner(copy) is None
        for words in (("annotator", "add", "eve"), ("status",)):
            assert "owner.json came with a copy or a move" in said(copy, *words)
        with serving(copy) as (_, other):
            assert other.url != owner.url
            assert label_all(other, open_ledger(copy).sign_in(open_ledger(copy).renew_link("ann"), 1000.0), truth) == 2
            assert living_owner(original).url == owner.url
        assert "2 answers" in said(copy, "rollback", "--annotator", "ann", "--yes")
        said(copy, "run", "--rounds", "1")
        assert stored(original) == before
        assert [person.name for person in ledger.annotators()] == ["ann"]

        here = stored(copy)
        assert fewframes("annotator", "add", "bo", "--project", original.root).returncode == 0
        assert label_all(owner, key, truth) == 2
        assert stored(copy) == here
        assert [person.name for person in ledger.annotators()] == ["ann", "bo"]
    assert stored(copy) == here
