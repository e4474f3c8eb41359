"""What moves is looked for by itself while people have the first frames in hand."""

import logging
from dataclasses import replace

import pytest

from al_core.project import Project
from al_core.records import FrameLabel, LabelKind
from al_core.settings import Settings
from tasks.backends.prelabels import delivered_masks
from tasks.discovery import first_round
from tasks.discovery.first_round import discover_for
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tasks.steps.context import RoundContext
from tasks.steps.request import request_work
from tests.toys.footage.movers import line, mover_clip, write_frames
from tests.toys.ledgers import asked, chosen, mask_answer

N_FRAMES = 8


@pytest.fixture
def begun(tmp_path):
    """A fresh project, and what begins its first round with settings: its frames 1 and 4 are chosen."""
    folder = write_frames(tmp_path / "moving", mover_clip({1: line((20, 36), (5, 0), N_FRAMES)}))
    project = Project.at(tmp_path / "project")
    ledger = open_ledger(project)
    assert not ingest_paths(ledger, [folder]).failed

    def begin(**changes):
        settings = Settings().changed({name.replace("_", ".", 1): value for name, value in changes.items()})
        ledger.begin_round(settings)
        ledger.put_selection(1, "uniform", [chosen(1), chosen(4, 1)])
        return RoundContext(project, ledger, 1)

    return begin


def shown(context):
    found = delivered_masks(context.project, context.ledger, context.ledger.requests(1))
    return {request_id[-7:]: len(masks) for request_id, masks in found.items()}


def test_the_first_frames_get_proposals_once_they_are_asked_for(begun):
    context = begun(discovery_methods=["motion"])
    assert request_work(context).requested == 2
    assert shown(context) == {"0000001": 1, "0000004": 1}


def test_no_frame_waits_until_something_is_found(begun, monkeypatch):
    context = begun(discovery_methods=["motion"])
    asked_for = []

    def note(progress):
        asked_for.append(len(context.ledger.requests(1, status="open")))

    monkeypatch.setattr(first_round, "progress_of", lambda step: note)
    request_work(context)
    assert asked_for == [2] * N_FRAMES


@pytest.mark.parametrize(
    "changes",
    [{"discovery_methods": []}, {"discovery_methods": ["motion"], "annotator_backend": "inbox"}],
    ids=["nobody wants it", "a tool that was sent its frames"],
)
def test_nothing_is_looked_for(begun, changes):
    context = begun(**changes)
    request_work(context)
    assert context.ledger.prediction_paths(0) == {}


def test_later_rounds_have_masks_of_their_own(begun):
    context = begun(discovery_methods=["motion"])
    asked(context.ledger, 1, 4)
    context.ledger.put_delivered(1, 1, "rounds/0001/delivered/00001.parquet", N_FRAMES, [])
    context.ledger.finish_round(1, None)
    context.ledger.begin_round(context.settings)
    later = RoundContext(context.project, context.ledger, 2)
    asked(context.ledger, 2, round_id=2)
    assert discover_for(later) == 0


def test_once_every_frame_is_answered_it_ends(begun, monkeypatch):
    monkeypatch.setattr(first_round, "LOOK_EVERY", 2)
    context = begun(discovery_methods=["motion"])
    requests = asked(context.ledger, 1, 4)
    looked = []

    def answer_all(progress):
        looked.append(progress.done)
        for number, request in enumerate(requests if progress.done == 3 else ()):
            empty = FrameLabel(request.frame, ())
            context.ledger.put_answer(replace(mask_answer(request, f"a{number}"), label=empty, kind=LabelKind.ABSENT))

    monkeypatch.setattr(first_round, "progress_of", lambda step: answer_all)
    assert discover_for(context) == 0
    assert looked == [1, 2, 3, 4]


def test_a_video_that_is_gone_stops_nobody(begun, tmp_path, caplog):
    context = begun(discovery_methods=["motion"])
    asked(context.ledger, 1, 4)
    (tmp_path / "moving").rename(tmp_path / "elsewhere")
    with caplog.at_level(logging.WARNING):
        assert discover_for(context) == 0
    assert "nothing is looked for in moving" in caplog.text
