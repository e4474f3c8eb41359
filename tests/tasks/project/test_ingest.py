import json
import os

import cv2
import numpy as np
import pytest

from al_core.errors import BadSettings
from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import FrameRef, Identities, MaskLabel, Progress, Shots
from al_core.settings import FrameSettings
from tasks.project.ingest import Outcome, ingest_paths, open_frames
from tests.toys.footage.clips import FRAMES, number_of, write_clip, write_frames, write_mask
from tests.toys.footage.movers import texture
from tests.toys.soft_masks import many_cells, soft_disk

LEFT = np.array([[1, 1, 1, 0, 0, 0, 0, 0]] * 6)
RIGHT = np.array([[0, 0, 0, 0, 0, 2, 2, 255]] * 6)
BLANK = np.zeros((6, 8), int)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "project" / "ledger.duckdb")


def davis(root, sequence="dog", masks=(LEFT + RIGHT, BLANK)):
    write_frames(root / "JPEGImages" / "480p" / sequence)
    for i, mask in enumerate(masks):
        write_mask(root / "Annotations" / "480p" / sequence / f"{i:05d}.png", mask)
    return root


def outcomes(report):
    return [(entry.path.name, entry.outcome.value) for entry in report.entries]


def rows(ledger):
    """Everything that ingesting may write."""
    videos = ledger.videos()
    return videos, [ledger.truth(v.video_id) for v in videos], ledger.categories()


def test_a_video_is_stored_with_its_times(ledger, tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    report = ingest_paths(ledger, [path])
    (video,) = ledger.videos()
    assert outcomes(report) == [("clip.mp4", "stored")]
    assert report.entries[0].video == video
    assert report.entries[0].describe() == "stored: clip: 12 frames, 64x48, 25 frames/s"
    assert (video.name, video.uri, video.n_frames, video.fps, video.files) == ("clip", str(path), 12, 25, ())
    assert ledger.frame_times_us(video.video_id).tolist() == [40_000 * i for i in range(FRAMES)]
    assert ledger.categories() == {1: "object"}
    assert ledger.truth(video.video_id) == {}


def test_masks_become_truth_with_tracks_and_categories(ledger, tmp_path):
    davis(tmp_path / "data")
    (tmp_path / "data" / "categories.json").write_text(json.dumps({"dog": {"1": "dog", "2": "ball"}}))
    (entry,) = ingest_paths(ledger, [tmp_path / "data"]).entries
    assert entry.message == "12 frames, 8x6, 25 frames/s, truth of 2 frames held back, 2 objects, 0 to 2 a frame"
    assert ledger.categories() == {1: "dog", 2: "ball"}
    truth = ledger.truth(entry.video.video_id)
    assert truth[0].frame == FrameRef(entry.video.video_id, 0)
    assert truth[0].masks == (
        MaskLabel(0, 0, encode(RIGHT == 255)),
        MaskLabel(1, 1, encode(LEFT == 1)),
        MaskLabel(2, 2, encode(RIGHT == 2)),
    )
    assert truth[1].masks == ()
    assert list(truth) == [0, 1]
    assert entry.video.files == tuple(f"{i:05d}.png" for i in range(FRAMES))
    assert entry.video.identities == Identities.PERSISTENT


def test_identities_and_category_are_as_asked(ledger, tmp_path):
    report = ingest_paths(ledger, [davis(tmp_path)], identities=Identities.PER_FRAME, category="cell")
    assert report.entries[0].video.identities == Identities.PER_FRAME
    assert ledger.categories() == {1: "cell"}


def test_the_same_content_twice_is_recognised(ledger, tmp_path):
    first = write_clip(tmp_path / "first.mp4")
    second = tmp_path / "second.mp4"
    second.write_bytes(first.read_bytes())
    davis(tmp_path / "data")
    paths = [first, second, tmp_path / "data"]
    report = ingest_paths(ledger, paths)
    assert outcomes(report) == [("first.mp4", "stored"), ("second.mp4", "known"), ("dog", "stored")]
    assert report.entries[1].describe() == f"known: first: the content of {second} is stored already"
    before = rows(ledger)
    again = ingest_paths(ledger, paths)
    assert [entry.outcome for entry in again.entries] == [Outcome.KNOWN] * 3
    assert rows(ledger) == before


def test_names_are_unique(ledger, tmp_path):
    for folder, n_frames in (("a", 12), ("b", 11)):
        (tmp_path / folder).mkdir()
        write_clip(tmp_path / folder / "clip.mp4", n_frames)
    ingest_paths(ledger, [tmp_path / "a", tmp_path / "b"])
    assert [v.name for v in ledger.videos()] == ["clip", "clip-2"]


BAD = {
    "a truncated file": ("cut.mp4", "cut.mp4: the file is cut short: it has"),
    "an unreadable file": ("noise.mp4", "noise.mp4: cannot be read as a video"),
    "an empty file": ("empty.mp4", "empty.mp4: the file is empty"),
    "no such file": ("nowhere.mp4", "nowhere.mp4: there is no such file or folder"),
    "no frames": ("hollow", "hollow: the folder holds no frames and no videos"),
    "a gap": ("gap", "gap: the numbering has a gap: 00003.png is followed by 00005.png"),
    "a frame cut short": ("torn", "00001.jpg: cannot be read as an image"),
    "a mask of another size": (
        "sized",
        "00001.png: the mask is 5x8 pixels (height x width), its frame is 6x8",
    ),
    "a mask for no frame": ("orphan", "00012.png: a mask for no frame"),
    "no video": (
        "notes.txt",
        "notes.txt: expected a video (.mp4, .mov, .avi, .mkv, .webm or any other that FFmpeg plays) or a folder",
    ),
}


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """A folder with one of each kind of bad input, by the names in ``BAD``, and two good videos."""
    folder = tmp_path_factory.mktemp("bad")
    write_clip(folder / "good.mp4")
    write_clip(folder / "fine.mkv", 8)
    whole = write_clip(folder / "whole.mp4").read_bytes()
    (folder / "whole.mp4").unlink()
    (folder / "cut.mp4").write_bytes(whole[:-100])
    (folder / "noise.mp4").write_bytes(bytes(range(256)) * 9)
    (folder / "empty.mp4").touch()
    (folder / "notes.txt").touch()
    (folder / "hollow").mkdir()
    write_frames(folder / "gap", [0, 1, 2, 3, 5, 6])
    write_frames(folder / "torn", suffix=".jpg", size=(40, 60))
    cv2.imwrite(str(folder / "torn" / "00001.jpg"), np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))
    torn = (folder / "torn" / "00001.jpg").read_bytes()
    (folder / "torn" / "00001.jpg").write_bytes(torn[:-500])
    davis(folder / "sized", "ok-frames", masks=(LEFT, LEFT[:5]))
    (folder / "sized" / "categories.json").write_text('{"1": "dog"}')
    davis(folder / "orphan", "ok-frames", masks=[LEFT] * 13)
    return folder


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_told_and_the_rest_is_kept(ledger, bad, kind):
    name, message = BAD[kind]
    report = ingest_paths(ledger, [bad / "good.mp4", bad / name, bad / "fine.mkv"])
    assert [entry.outcome.value for entry in report.entries] == ["stored", "failed", "stored"]
    (failed,) = report.failed
    assert message in failed.message
    assert str(bad / name) in failed.message
    assert failed.video is None
    assert "\n" not in failed.describe()
    assert failed.describe().startswith("failed: ")
    assert [v.name for v in ledger.videos()] == ["good", "fine"]
    assert [len(ledger.frame_times_us(v.video_id)) for v in ledger.videos()] == [12, 8]


def test_a_failure_leaves_nothing_behind(ledger, bad):
    report = ingest_paths(ledger, [bad / name for name, _ in BAD.values()])
    assert len(report.failed) == len(BAD)
    assert rows(ledger) == ([], [], {})


def test_one_bad_video_of_a_folder_leaves_the_others(ledger, tmp_path):
    write_clip(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"hello")
    write_frames(tmp_path / "c", [0, 2, 3])
    davis(tmp_path / "d")
    report = ingest_paths(ledger, [tmp_path])
    expected = [("a.mp4", "stored"), ("b.mp4", "failed"), ("c", "failed"), ("dog", "stored")]
    assert outcomes(report) == expected


def test_masks_drawn_later_are_added(ledger, tmp_path):
    davis(tmp_path, masks=())
    ingest_paths(ledger, [tmp_path])
    davis(tmp_path, masks=(LEFT,))
    (entry,) = ingest_paths(ledger, [tmp_path]).entries
    assert (entry.outcome, entry.message.split("; ")[1]) == (
        Outcome.KNOWN,
        "masks of 1 frame added, 1 object, 1 a frame",
    )
    davis(tmp_path, masks=(LEFT, RIGHT))
    ingest_paths(ledger, [tmp_path])
    assert [len(label.objects) for label in ledger.truth(1).values()] == [1, 1]
    assert len(ledger.videos()) == 1


def test_masks_that_contradict_the_stored_ones_are_a_failure(ledger, tmp_path):
    davis(tmp_path, masks=(LEFT, LEFT))
    ingest_paths(ledger, [tmp_path])
    before = rows(ledger)
    davis(tmp_path, masks=(LEFT, RIGHT, LEFT))
    (entry,) = ingest_paths(ledger, [tmp_path]).failed
    assert "480p/dog: video 'dog' is known with other masks or categories, first in frame 1" in entry.message
    davis(tmp_path, masks=(LEFT, LEFT, BLANK))
    (tmp_path / "Annotations" / "480p" / "dog" / "00002.png").unlink()
    (entry,) = ingest_paths(ledger, [tmp_path], identities=Identities.PER_FRAME).failed
    assert "is known with persistent identities, got per_frame; ingest it into a new project" in entry.message
    assert rows(ledger) == before


def test_content_that_was_moved_is_found_again(ledger, tmp_path):
    old = write_frames(tmp_path / "old")
    ingest_paths(ledger, [old])
    new = old.rename(tmp_path / "new")
    (entry,) = ingest_paths(ledger, [new]).entries
    assert entry.outcome == Outcome.KNOWN
    assert entry.message.endswith("stored already; its new place is noted")
    assert [v.uri for v in ledger.videos()] == [str(new)]
    assert entry.video == ledger.videos()[0]


def test_masks_from_a_folder_of_their_own(ledger, tmp_path):
    path = write_clip(tmp_path / "clip.mp4", size=(6, 8))
    write_mask(tmp_path / "masks" / "00003.png", LEFT)
    ingest_paths(ledger, [path], masks=tmp_path / "masks")
    assert list(ledger.truth(1)) == [3]


def test_masks_that_are_not_there_store_nothing(ledger, tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    report = ingest_paths(ledger, [path], masks=tmp_path / "nowhere")
    assert "nowhere: there is no such folder of masks" in report.failed[0].message
    assert rows(ledger) == ([], [], {})


def test_progress_names_the_video(ledger, tmp_path):
    seen = []
    paths = [write_clip(tmp_path / "clip.mp4"), write_frames(tmp_path / "walk")]
    ingest_paths(ledger, paths, on_progress=seen.append)
    assert {p.note for p in seen} == {"clip.mp4", "cuts of clip", "walk", "cuts of walk"}
    assert seen[-1].done == seen[-1].total == FRAMES


def test_frames_of_a_project_are_open_for_reading(tmp_path):
    project = Project.at(tmp_path / "project")
    ledger = Ledger(project.ledger_path)
    ingest_paths(ledger, [write_clip(tmp_path / "clip.mp4")])
    frames = open_frames(project, ledger, FrameSettings(working_long_side=32))
    assert frames.size(1) == (24, 32)
    assert [number_of(image) for _, image in frames.iterate(1)] == list(range(FRAMES))
    assert list((project.root / "cache" / "frames").rglob("*.npz"))
    shared = Project.at(tmp_path / "other", tmp_path / "shared")
    open_frames(shared, ledger, FrameSettings()).read(FrameRef(1, 0))
    assert list((tmp_path / "shared" / "frames").rglob("*.npz"))


def test_what_is_passed_over_is_told_by_folder_and_reason(ledger, tmp_path):
    write_clip(tmp_path / "clip.mp4")
    for name in "abcdef":
        (tmp_path / f"{name}.txt").touch()
    (tmp_path / "instances.json").write_text('{"images": [], "annotations": []}')
    report = ingest_paths(ledger, [tmp_path])
    assert outcomes(report) == [("clip.mp4", "stored")]
    labels, texts = sorted(report.not_taken, key=lambda line: "labels" not in line)
    names = "a.txt, b.txt, c.txt, d.txt, ..."
    assert texts == f"not taken: 6 files in {tmp_path} ({names}): no video that can be played, and no frames"
    assert labels.startswith(f"not taken: 1 file in {tmp_path} (instances.json): looks like labels: take in the videos")


def test_objects_per_frame_are_told_where_identities_do_not_last(ledger, tmp_path):
    report = ingest_paths(ledger, [davis(tmp_path, masks=(LEFT + RIGHT, LEFT))], identities=Identities.PER_FRAME)
    assert report.entries[0].message.endswith("truth of 2 frames held back, 1 to 2 objects a frame")


def test_frames_with_nothing_but_regions_to_ignore_are_told(ledger, tmp_path):
    report = ingest_paths(ledger, [davis(tmp_path, masks=(LEFT, LEFT * 255))])
    assert report.entries[0].message.endswith("1 object, 0 to 1 a frame, 1 frame with nothing but regions to ignore")


def test_masks_with_soft_edges_store_nothing(ledger, tmp_path):
    write_frames(tmp_path / "JPEGImages" / "dog", size=(40, 40))
    write_mask(tmp_path / "Annotations" / "dog" / "00000.png", soft_disk(40, 12), mode="L")
    (entry,) = ingest_paths(ledger, [tmp_path]).failed
    assert "of them rims one pixel wide: is this a mask with soft edges?" in entry.message
    assert rows(ledger) == ([], [], {})


def test_336_cells_a_frame_are_336_objects(ledger, tmp_path):
    values = many_cells()
    write_frames(tmp_path / "JPEGImages" / "cells", size=values.shape)
    (tmp_path / "Annotations" / "cells").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "Annotations" / "cells" / "00000.png"), values)
    (entry,) = ingest_paths(ledger, [tmp_path], identities=Identities.PER_FRAME).entries
    assert entry.message.endswith("truth of 1 frame held back, 336 objects a frame")


@pytest.mark.parametrize("category", ["person,bicycle,car", "", " car"])
def test_a_category_is_one_name(ledger, tmp_path, category):
    with pytest.raises(BadSettings, match=f"expected the name of one category, e.g. 'car', got {category!r}"):
        ingest_paths(ledger, [write_frames(tmp_path / "walk")], category=category)
    assert rows(ledger) == ([], [], {})


def test_categories_of_a_known_video_are_changed(ledger, tmp_path):
    path = write_frames(tmp_path / "walk")
    ingest_paths(ledger, [path])
    (entry,) = ingest_paths(ledger, [path], category="truck").entries
    assert entry.message.endswith("; its objects are truck from now on")
    assert ledger.categories() == {1: "object", 2: "truck"}
    assert ledger.video_cares()[1].category_ids == (2,)


def test_several_categories_of_footage_without_masks(ledger, tmp_path):
    (entry,) = ingest_paths(ledger, [write_frames(tmp_path / "walk")], categories=["car", "person", "car"]).entries
    assert entry.message.endswith(", of car, person")
    assert ledger.categories() == {1: "car", 2: "person"}
    assert ledger.video_cares()[1].category_ids == (1, 2)


def test_several_categories_and_masks_that_name_none(ledger, tmp_path):
    (entry,) = ingest_paths(ledger, [davis(tmp_path / "data")], categories=["dog", "ball"]).failed
    assert "--category names dog, ball, and these masks do not say which object is which" in entry.message
    assert rows(ledger) == ([], [], {})
    (tmp_path / "data" / "categories.json").write_text(json.dumps({"dog": {"1": "dog", "2": "ball"}}))
    assert not ingest_paths(ledger, [tmp_path / "data"], categories=["dog", "ball"]).failed
    assert ledger.categories() == {1: "dog", 2: "ball"}


@pytest.mark.parametrize("name", ["Müller", "视频 1", 'it\'s "quoted"', "a\tb", "<b>[red]"])
def test_names_of_every_kind(ledger, tmp_path, name):
    (entry,) = ingest_paths(ledger, [write_frames(tmp_path / name)]).entries
    assert entry.video.name == name
    assert [v.name for v in ledger.videos()] == [name]


def test_ten_bits_in_sixteen_are_told_and_shown_in_full_brightness(ledger, tmp_path):
    folder = tmp_path / "camera"
    folder.mkdir()
    ramp = np.linspace(0, 1023, 64 * 48).reshape(48, 64).astype(np.uint16)
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.tif"), ramp // (2 - number))
    (entry,) = ingest_paths(ledger, [folder]).entries
    assert "10 bits in 16-bit images (shown in full brightness)" in entry.message
    frames = open_frames(Project.at(tmp_path), ledger, FrameSettings())
    video_id = entry.video.video_id
    assert frames.read_full(FrameRef(video_id, 1)).max() == 255
    assert abs(int(frames.read(FrameRef(video_id, 0)).max()) - 127) <= 3


def test_a_name_that_is_no_utf_8_is_told_by_its_bytes_and_the_rest_is_taken_in(ledger, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (b"a.mp4", b"b\xe9.mp4", b"c.mp4"):
        write_clip(tmp_path / "clip.mp4").rename(folder / os.fsdecode(name))
    write_frames(tmp_path / "d").rename(folder / os.fsdecode(b"d\xe9"))
    (folder / os.fsdecode(b"n\xe9.txt")).write_text("a note")
    frames = write_frames(tmp_path / "frames")
    (first, *_) = sorted(frames.iterdir())
    first.rename(frames / os.fsdecode(b"\xe9" + os.fsencode(first.name)))
    report = ingest_paths(ledger, [folder, frames])
    told = [entry.describe() for entry in report.failed]
    assert [line.partition(": the name is not UTF-8")[0] for line in told] == [
        f"failed: {folder}/b\\xe9.mp4",
        f"failed: {folder}/d\\xe9",
        f"failed: {frames}/\\xe9{first.name}",
    ]
    assert report.not_taken[0].startswith(f"not taken: 1 file in {folder} (n\\xe9.txt)")
    assert [video.name for video in ledger.videos()] == ["a"]
    assert [entry.outcome for entry in report.entries if entry not in report.failed] == [Outcome.STORED, Outcome.KNOWN]


def test_masks_below_the_footage_are_not_footage(ledger, tmp_path):
    for day, value in (("day1", 1), ("day2", 2)):
        (tmp_path / day).mkdir()
        write_clip(tmp_path / day / "clip.mp4", 3 + value, size=(6, 8))
        write_mask(tmp_path / "masks" / day / "clip" / "00000.png", LEFT * value)
    report = ingest_paths(ledger, [tmp_path], masks=tmp_path / "masks")
    assert outcomes(report) == [("clip.mp4", "stored")] * 2
    assert [[m.track_id for m in ledger.truth(v.video_id)[0].masks] for v in ledger.videos()] == [[1], [2]]


def test_real_videos_and_sequences(ledger, shared_data):
    paths = [shared_data / "videos" / "bikes.mp4", shared_data / "video_masks" / "cells"]
    report = ingest_paths(ledger, paths, identities=Identities.PER_FRAME, category="cell")
    assert not report.failed
    by_name = {entry.video.name: entry.video for entry in report.entries}
    assert sorted(by_name) == ["bikes", "c2c12", "ctc-hela-silver"]
    truth = ledger.truth(by_name["c2c12"].video_id)
    assert len(truth) == 10
    assert all(8 <= len(label.objects) <= 13 for label in truth.values())


def two_scenes(folder, held=0):
    """Six frames of one scene and six of another, the last ``held`` of which stand still."""
    folder.mkdir()
    for i in range(12):
        seed, colour = (1, (60, 140, 60)) if i < 6 else (2, (150, 90, 60))
        wide = texture(np.random.default_rng(seed), (48, 140), colour)
        x = 3 * min(i, 11 - held)
        cv2.imwrite(str(folder / f"{i:05d}.png"), wide[:, x : x + 96])
    return folder


def test_cuts_and_still_frames_are_found_and_told(ledger, tmp_path):
    told: list[Progress] = []
    (entry,) = ingest_paths(ledger, [two_scenes(tmp_path / "road", held=3)], on_progress=told.append).entries
    assert entry.message == "12 frames, 96x48, 25 frames/s, 1 cut, 3 frames that repeat others"
    assert ledger.shots() == {entry.video.video_id: Shots((6,), ((8, 11),))}
    assert told[-1] == Progress(12, 12, "cuts of road")


def test_a_video_of_an_earlier_version_is_searched_when_it_is_ingested_again(ledger, tmp_path):
    other = Ledger(tmp_path / "other" / "ledger.duckdb")
    folder = two_scenes(tmp_path / "road")
    (entry,) = ingest_paths(other, [folder]).entries
    ledger.add_video(entry.video, other.frame_times_us(1))
    assert ledger.searched_videos() == []
    (again,) = ingest_paths(ledger, [folder]).entries
    assert (again.outcome, again.message) == (
        Outcome.KNOWN,
        f"the content of {folder} is stored already; searched for cuts now: 1 cut",
    )
    assert ledger.shots() == {1: Shots((6,))}
    (third,) = ingest_paths(ledger, [folder]).entries
    assert third.message == f"the content of {folder} is stored already"
