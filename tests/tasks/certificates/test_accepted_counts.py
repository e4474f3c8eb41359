"""Accepted masks count under their own name as soon as they are accepted."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.audit.audit_records import Accepted
from al_core.stores.delivered import DeliveredColumns
from tasks.certificates.accepted_counts import accepted_rows, counts_with_accepted
from tasks.certificates.drawing_audits import draw_audit
from tasks.certificates.frozen_masks import FrozenMasks
from tasks.certificates.issuing import Wish, issue
from tasks.report.content import gather_rounds
from tasks.report.round_rows import round_rows
from tests.toys.audits.audited_project import answer_all
from tests.toys.audits.deliveries import certificate


def test_a_certificate_moves_masks_to_their_own_name(audited):
    project, ledger, _ = audited
    assert counts_with_accepted(project, ledger) == {}
    (before,) = round_rows(ledger)
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=200, blind=0, frames=0))
    made = issue(project, ledger, Wish())
    counts = counts_with_accepted(project, ledger)[1]
    left = 240 - made.accepted_masks
    assert counts == {"human": (2, 2), "accepted": (made.accepted_masks,) * 2, "propagated": (left, left)}
    (row,) = gather_rounds(project, ledger).rounds
    assert row.masks_by == {"human": 2, "accepted": made.accepted_masks, "propagated": left}
    assert row.frames_by["accepted"] == made.accepted_masks
    assert sum(row.frames_by.values()) == sum(before.frames_by.values()) == row.covered


def test_it_counts_what_later_rounds_freeze(audited):
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=100, blind=0, frames=0))
    issue(project, ledger, Wish(error=0.1))
    frozen = FrozenMasks.of(project, ledger, 1)
    expected = sum(len(masks) for video in (1, 2) for masks in frozen.of_video(video).values())
    assert counts_with_accepted(project, ledger)[1]["accepted"][1] == expected


def test_rounds_whose_files_are_gone_are_left_out(audited):
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=200, blind=0, frames=0))
    issue(project, ledger, Wish())
    project.absolute(ledger.delivered_paths(1)[1]).unlink()
    assert counts_with_accepted(project, ledger) == {}


@pytest.mark.parametrize(("category", "expected"), [(None, [True, True]), (1, [True, False]), (3, [False, False])])
def test_thresholds_hold_for_their_category(category, expected):
    one, names = np.array([1, 1]), np.array(["propagated", "teacher"])
    masks = DeliveredColumns(np.array([4, 5]), one, np.array([1, 2]), names, np.array([0.9, 0.8]))
    made = replace(certificate(), accepted=(Accepted(category, 0.8, 2, 1, 0, 0.05),))
    assert accepted_rows(1, masks, [made]).tolist() == expected
    assert accepted_rows(1, masks, [replace(made, excluded=((1, 4, 1),))]).tolist() == [False, expected[1]]
