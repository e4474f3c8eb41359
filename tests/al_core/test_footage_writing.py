import json

import numpy as np
import pytest

from al_core.errors import OutputExists
from al_core.footage.clips import EMPTY, View, clips_of
from al_core.footage.sources import discover
from al_core.footage_writing import write_davis
from tests.al_core.davis import write_sequence, write_still_scene


def test_what_is_written_is_read_again(tmp_path):
    (clip,) = clips_of(write_sequence(tmp_path / "in", masked={0, 1, 2}))
    view = View(clip, "again", (2, 2, 5, 0))
    folder = write_davis(view, tmp_path / "out")
    assert folder == tmp_path / "out" / "JPEGImages" / "480p" / "again"
    (found,) = clips_of(tmp_path / "out")
    assert (found.name, found.n_frames, found.truth_frames) == ("again", 4, (0, 1, 3))
    for i in range(4):
        np.testing.assert_allclose(found.read(i).astype(int), view.read(i).astype(int), atol=2)
    for i in found.truth_frames:
        np.testing.assert_array_equal(found.truth(i)[3], view.truth(i)[3])
        np.testing.assert_array_equal(found.ignore(i), view.ignore(i))


def test_it_says_how_it_was_made(tmp_path):
    (clip,) = clips_of(write_still_scene(tmp_path / "in"))
    write_davis(View(clip, "quiet", (0, EMPTY), 1.0, 5), tmp_path / "out")
    recipe = json.loads((tmp_path / "out" / "quiet.json").read_text())
    assert recipe["source"] == "road"
    assert (recipe["index"], recipe["empty"], recipe["noise"], recipe["seed"]) == ([0, -1], -1, 1.0, 5)


def test_the_ordinary_commands_find_it(tmp_path):
    (clip,) = clips_of(write_sequence(tmp_path / "in"))
    write_davis(clip, tmp_path / "out")
    (source,) = discover(tmp_path / "out")
    assert source.probe().n_frames == 6
    assert source.masks == tmp_path / "out" / "Annotations" / "480p" / "toy"


def test_nothing_is_replaced(tmp_path):
    (clip,) = clips_of(write_sequence(tmp_path / "in"))
    write_davis(clip, tmp_path / "out")
    with pytest.raises(OutputExists, match="toy exists"):
        write_davis(clip, tmp_path / "out")


def test_a_clip_that_cannot_be_read_leaves_nothing_behind(tmp_path):
    (clip,) = clips_of(write_sequence(tmp_path / "in"))
    clip.truth(0)
    clip.files[3].write_bytes(b"")
    with pytest.raises(Exception, match="cannot be read"):
        write_davis(clip, tmp_path / "out")
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []
    assert list((tmp_path / "out").rglob("toy*")) == []
