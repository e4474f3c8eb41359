"""The program that tries audits out, on a few campaigns: it runs every case, and a broken promise fails."""

import numpy as np
import pytest
from click.testing import CliRunner

from tests.bench.auditing import audit_coverage
from tests.bench.auditing.audit_coverage import CASES, FIGURES, done_before, made_up, summary


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
    arguments = ["--campaigns", "2", "--errors", "0.1", "--pool", str(pool), "--out", str(tmp_path / "rows.jsonl")]
    found = CliRunner().invoke(audit_coverage.main, arguments, catch_exceptions=False)
    assert found.exit_code == 0
    done = done_before(tmp_path / "rows.jsonl")
    rows = summary(done)
    assert {row["case"] for row in rows} == {*CASES, *FIGURES}
    assert {row["deliveries"] for row in rows} == {"made up", "real"}
    assert all(row["campaigns"] == 2 for row in rows)
    # A run that was stopped in the middle of a line goes on with what lacks.
    text = (tmp_path / "rows.jsonl").read_text()
    (tmp_path / "rows.jsonl").write_text(text[: len(text) // 2])
    CliRunner().invoke(audit_coverage.main, arguments, catch_exceptions=False)
    assert done_before(tmp_path / "rows.jsonl") == done


def test_a_rate_above_what_was_promised_fails():
    case = ("certificate", "as it is", "made up", 0.05)
    halves = [{"campaigns": 50, "wrong": 15.0, "accepted": 25.0}, {"campaigns": 50, "wrong": 5.0, "accepted": 25.0}]
    (row,) = summary({(*case, 50 * k, 50): half for k, half in enumerate(halves)})
    assert (row["wrong"], row["accepted"], row["fails"]) == (0.2, 0.5, True)
    (row,) = summary({(*case, 0, 50): halves[1]})
    assert not row["fails"]


def test_made_deliveries_have_the_share_of_bad_masks_that_is_wanted():
    made = made_up(np.random.default_rng(1))
    assert (made.overlap < audit_coverage.IOU).mean() == pytest.approx(0.12, abs=0.01)
    assert len(made.population) == 1800
