"""A next release goes on with projects of every earlier schema; ``python -m tests.bench.upgrades`` goes through all."""

import pytest

from tests.bench.upgrades import CHANGES, NEWEST, STATES, is_well, with_next_release, write_release

SOME = [(1 + number % NEWEST, state) for number, state in enumerate(STATES)]


@pytest.mark.end_to_end
def test_a_release_with_settings_more_renamed_and_gone_ends_every_round_as_this_one_does():
    cells = [cell for change in ("none", "all three") for cell in with_next_release(change, SOME)]
    assert len(cells) == 2 * len(SOME)
    assert [cell for cell in cells if not is_well(cell, cells)] == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_next_release_differs_from_this_one_in_what_it_says(tmp_path, change):
    write_release(tmp_path / "next", change)
    text = (tmp_path / "next" / "al_core" / "settings.py").read_text()
    everything = change == "all three"
    assert ("next_release: " in text) == (everything or change == "one more")
    assert ("weight_of_teachers: " in text) == (everything or change == "one renamed")
    assert ("match_iou" not in text) == (everything or change == "one gone")
