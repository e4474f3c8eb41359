"""Propagation along a sequence of a DAVIS-layout folder, without a project."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from al_core.errors import BadLabel, OutputExists, UnknownName
from al_core.export.davis import write_index_png
from al_core.footage.images import read_indices
from al_core.settings import Settings
from flows.cli.main import main
from tasks.benchmark.one_clip import ClipReport, evenly, propagate_sequence
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip

N_FRAMES = 12


@pytest.fixture
def clip(tmp_path: Path) -> MoverClip:
    """Two disks that move; on disk below ``davis``, with a mask for every frame but the last."""
    clip = mover_clip({1: line((24, 30), (3, 0)), 4: line((100, 44), (-3, 0))}, 12, (72, 128))
    images, masks = (tmp_path / "davis" / part / "480p" / "disks" for part in ("JPEGImages", "Annotations"))
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for i, image in enumerate(clip.images):
        cv2.imwrite(str(images / f"{i:05d}.png"), image[..., ::-1])
        if i < N_FRAMES - 1:
            index = sum((track * mask for track, mask in clip.truth[i].items()), np.zeros(clip.size, int))
            write_index_png(masks / f"{i:05d}.png", index.astype(np.uint8))
    return clip


def propagate(folder: Path, labelled: int | list[int], *methods: str, sequence: str = "disks") -> ClipReport:
    chosen = methods or ("flow",)
    return propagate_sequence(
        folder / "davis", sequence, labelled, chosen, folder / "out", folder / "cache", Settings()
    )


def test_labels_are_spread_with_half_a_step_at_both_ends() -> None:
    assert evenly(80, 4) == [10, 30, 50, 70]
    assert evenly(3, 3) == [0, 1, 2]
    with pytest.raises(BadLabel, match="4 labels were asked for, the sequence has 3 frames"):
        evenly(3, 4)


@pytest.mark.parametrize("part", ["JPEGImages", "Annotations"])
def test_the_sequence_itself_is_never_written_over(clip: MoverClip, tmp_path: Path, part: str) -> None:
    place = tmp_path / "davis" / part / "480p"
    before = {file: file.read_bytes() for file in (place / "disks").iterdir()}
    with pytest.raises(OutputExists, match="disks, which would be lost: choose another name"):
        propagate_sequence(tmp_path / "davis", "disks", [2], ["flow"], place, tmp_path / "cache", Settings())
    assert {file: file.read_bytes() for file in (place / "disks").iterdir()} == before


def test_two_labels_give_a_mask_for_every_frame(clip: MoverClip, tmp_path: Path) -> None:
    report = propagate(tmp_path, [2, 9])
    for i, truth in enumerate(clip.truth):
        index, _ = read_indices(tmp_path / "out" / "disks" / f"{i:05d}.png")
        assert all(iou(index == track, mask) > (0.999 if i in (2, 9) else 0.8) for track, mask in truth.items())
    assert (report.n_frames, report.labelled, report.measured) == (12, 2, 9)
    assert report.figures is not None
    assert report.figures.j > 0.85
    assert "12 frames from 2 labels" in report.describe()
    assert report.describe().endswith("over 9 frames, 0 identity switches")


def test_where_every_mask_was_given_nothing_is_measured(clip: MoverClip, tmp_path: Path) -> None:
    report = propagate(tmp_path, list(range(11)))
    assert report.figures is None
    assert "no other frame has a mask" in report.describe()


@pytest.mark.parametrize(
    ("labelled", "sequence", "method", "error", "message"),
    [
        ([40], "disks", "flow", BadLabel, "expected labels for frames 0 to 11, got 40"),
        ([11], "disks", "flow", BadLabel, "frame 11 has no mask"),
        ([0], "discs", "flow", UnknownName, "disks"),
        ([0], "disks", "flwo", UnknownName, "flow"),
    ],
)
def test_what_is_not_there_is_named(
    clip: MoverClip, tmp_path: Path, labelled: list[int], sequence: str, method: str, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        propagate(tmp_path, labelled, method, sequence=sequence)


def command(folder: Path, *more: str) -> Result:
    paths = ["--data", str(folder / "davis"), "--sequence", "disks", "--out", str(folder / "out")]
    return CliRunner().invoke(main, ["propagate", *paths, *more])


def test_the_command_says_where_the_masks_are_and_how_good(clip: MoverClip, tmp_path: Path) -> None:
    result = command(tmp_path, "--evenly", "2")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "12 frames from 2 labels" in said
    assert "J&F 0.9" in said
    assert len(list((tmp_path / "out" / "disks").glob("*.png"))) == 12


def test_the_command_follows_tracks_and_counts_their_switches(clip: MoverClip, tmp_path: Path) -> None:
    result = command(tmp_path, "--evenly", "2", "--method", "tracks")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "J&F 0.9" in said
    assert "0 identity switches" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "either --labels 0,20,40 or --evenly 8"),
        (("--labels", "1", "--evenly", "2"), "either --labels 0,20,40 or --evenly 8"),
        (("--labels", "one"), "--labels takes frames like 0,20,40, got 'one'"),
    ],
)
def test_the_command_says_what_it_needs(clip: MoverClip, tmp_path: Path, options: tuple[str], message: str) -> None:
    result = command(tmp_path, *options)
    assert result.exit_code == 2
    assert message in result.output
