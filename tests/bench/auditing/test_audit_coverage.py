"""The program that tries audits out, on a few campaigns: it runs every case, and a broken promise fails."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tests.bench.auditing import audit_coverage
from tests.bench.auditing.audit_coverage import CASES, FIGURES, made_up, summary


@pytest.fixture
def pool(tmp_path):
    """Masks of 8 clips with 40 frames, as one delivery left them."""
    rng, rows = np.random.default_rng(0), []
    for clip in range(8):
        for frame in range(40):
            overlap = rng.choice([0.3, 0.9], p=[0.1, 0.9])
            rows.append((0, clip, frame, 1, np.clip(overlap + rng.normal(0, 0.2), 0, 1), overlap))
    frames = [(0, clip, frame, int(frame == 3)) for clip in range(8) for frame in range(40)]
    np.savez(tmp_path / "pool.npz", masks=np.array(rows), frames=np.array(frames))
    return tmp_path / "pool.npz"


def test_every_case_runs_on_real_masks_and_keeps_its_promise(pool, tmp_path):
    arguments = ["--campaigns", "2", "--errors", "0.1", "--pool", str(pool), "--out", str(tmp_path / "rows.json")]
    found = CliRunner().invoke(audit_coverage.main, arguments, catch_exceptions=False)
    assert found.exit_code == 0
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {row["case"] for row in rows} == {*CASES, *FIGURES}
    assert {row["deliveries"] for row in rows} == {"made up", "real"}
    assert all(row["campaigns"] == 2 for row in rows)


def test_a_rate_above_what_was_promised_fails():
    each = [{"wrong": float(k < 20), "accepted": 0.5, "oracle": 0.9} for k in range(100)]
    (row,) = summary({("certificate", "as it is", "made up", 0.05): each})
    assert (row["wrong"], row["fails"]) == (0.2, True)
    (row,) = summary({("certificate", "as it is", "made up", 0.05): each[15:]})
    assert not row["fails"]


def test_made_deliveries_have_the_share_of_bad_masks_that_is_wanted():
    made = made_up(np.random.default_rng(1))
    assert (made.overlap < audit_coverage.IOU).mean() == pytest.approx(0.12, abs=0.01)
    assert len(made.population) == 1800
