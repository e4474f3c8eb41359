"""Teachers on labels that they were not trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from al_core.settings import Settings
from tasks.steps.model_selection.teachers import judged_before
from tests.toys.ledgers import context_of, frame_rows
from tests.toys.workplace import Workplace


def test_only_labels_that_came_after_the_round_before_judge_its_teachers(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    video = place.video.video_id
    first, second = ([place.label(i) for i in frames] for frames in ((2,), (2, 5)))
    ledger = place.ledger
    for _ in range(2):
        ledger.begin_round(Settings())
    before = context_of(place.project, ledger, 1, labels_collected=first)
    context = context_of(place.project, ledger, 2, labels_collected=second, before=before)
    assert judged_before(context, [video]) == {video: {}}
    path = place.predictions(track=1)
    ledger.put_predictions(1, video, frame_rows(np.zeros(12, np.float32)), place.project.relative(path))
    # One of two objects is seen.
    assert judged_before(context, [video, 7]) == {video: {1: (pytest.approx(0.5, abs=0.01), 2)}, 7: {}}
    partly = [first[0], replace(second[1], complete=False)]
    without = context_of(place.project, ledger, 2, labels_collected=partly, before=before)
    assert judged_before(without, [video]) == {video: {}}


def test_what_was_discovered_before_the_first_round_is_no_teachers_work(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    video, ledger = place.video.video_id, place.ledger
    ledger.begin_round(Settings())
    ledger.put_predictions(
        0, video, frame_rows(np.zeros(12, np.float32)), place.project.relative(place.predictions(track=1))
    )
    context = context_of(place.project, ledger, 1, labels_collected=[place.label(2)])
    assert judged_before(context, [video]) == {video: {}}
