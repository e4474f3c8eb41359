"""What holds for every format."""

import pytest

from al_core.errors import UnknownName
from al_core.export import FORMATS
from al_core.export.contents import ExportOptions
from al_core.export.exporters import EXPORTERS, write_export
from tests.toys.footage.export_clips import usual_clip

NAMES = {1: "dog", 2: "cat"}


def test_an_unknown_format_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r"coco, davis, mots, overlay-mp4, points, yolo-seg, .*Did you mean 'davis'"):
        EXPORTERS["davix"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_all_or_nothing_and_reports_the_same_counts(tmp_path, name):
    report = write_export(name, [usual_clip()], NAMES, tmp_path / "out", ExportOptions(empty=True))
    assert (report.frames, report.empty_frames, report.masks) == (4, 1, 4)
    assert report.masks_by_provenance == {"human": 1, "propagated": 1, "teacher": 2}
    assert report.mask_pixels == 8 + 8 + 4 + 4
    written = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert report.files == len(written)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_export_writes_the_same_bytes(tmp_path, name):
    for folder in ("a", "b"):
        write_export(name, [usual_clip()], NAMES, tmp_path / folder)
    first = {p.relative_to(tmp_path / "a"): p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()}
    second = {p.relative_to(tmp_path / "b"): p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file()}
    assert first == second


@pytest.mark.parametrize("name", FORMATS)
def test_progress_ends_at_its_total_and_never_goes_back(tmp_path, name):
    seen = []
    write_export(name, [usual_clip(), usual_clip(name="other", video_id=2)], NAMES, tmp_path / "out", None, seen.append)
    done = [p.done for p in seen]
    assert done == sorted(done)
    assert seen[-1].done == seen[-1].total


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_that_fails_leaves_nothing_behind(tmp_path, name):
    clip = usual_clip()

    def broken(indices):
        raise OSError("disk on fire")
        yield

    failing = type(clip)(clip.video, clip.masks, broken, clip.human_frames, clip.round_id)
    with pytest.raises(OSError, match="disk on fire"):
        write_export(name, [failing], NAMES, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
