"""The card tells what a model learned from, how good it is, where it began, and whose licence may hold."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from al_core.records import FrameLabel, FrameRef, MaskLabel, QualityRow
from al_core.settings import Settings
from al_core.students.plain_mmdet import PlainModel
from tasks.models.model_card import CardContent, model_card
from tasks.models.round_students import RANDOM, RoundStudent
from tasks.steps.context import Trained
from tests.toys.ledgers import square

LABELS = [
    FrameLabel(FrameRef(1, 3), (MaskLabel(1, 1, square()), MaskLabel(2, 2, square()), MaskLabel(0, 0, square()))),
    FrameLabel(FrameRef(1, 7), ()),
    FrameLabel(FrameRef(2, 0), (MaskLabel(1, 1, square()),)),
]


@pytest.fixture
def content():
    """A student of round 2 that learned from three frames."""
    trained = Trained("student.pth", "a" * 64, "cpu", 0.5, 3)
    at = datetime(2026, 11, 26, 10, 30)
    student = RoundStudent(2, Path("student.pth"), trained, at, Settings(), {}, ("round 1", RANDOM))
    model = PlainModel("teacher 0.97 of seed 0", {}, ("car", "person"), ((1, 2, 3), (4, 5, 6)), 320, {}, {})
    videos, categories = {1: "street", 2: "yard"}, {1: "car", 2: "person"}
    return CardContent("work", student, model, videos, categories, LABELS, [], {"model.pth": "b" * 64})


def test_what_it_learned_from_is_counted(content):
    card = model_card(content)
    assert "3 frames that people labelled (street 2, yard 1); masks: car 2, person 1" in card
    assert "| started from | round 1 <- random weights |" in card
    assert "| trained | 2026-11-26 10:30 UTC on cpu |" in card
    assert "The classes are, from 0: car, person." in card
    assert f"| SHA-256 of model.pth | `{'b' * 64}` |" in card


def test_figures_are_means_over_frames_by_who_made_the_masks(content):
    def row(video, provenance, value, frames):
        return QualityRow(2, video, None, provenance, "jf", value, frames)

    rows = [row(1, "teacher", 0.5, 30), row(2, "teacher", 0.9, 10), row(1, "all", 0.8, 40)]
    card = model_card(replace(content, quality=rows))
    assert "| its teachers alone | J&F | 0.600 | 2 | 40 |" in card
    assert "| all masks of the round | J&F | 0.800 | 1 | 40 |" in card


def test_without_figures_it_says_that_none_were_measured(content):
    assert "Nothing was measured" in model_card(content)


def test_weights_of_others_come_with_a_word_about_their_licence(content):
    assert "It started from random weights;" in model_card(content)
    given = replace(content.student, ancestry=("round 1", "coco.pth"))
    card = model_card(replace(content, student=given))
    assert "It started from `coco.pth`, of which fewframes does not know the licence" in card
