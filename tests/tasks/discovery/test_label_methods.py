"""Ways to discover that start from what people gave: what reaches them, and what becomes of what they find."""

import pytest
from click.testing import CliRunner

from al_core.discovery.discoverer import Discoverer, FoundObject
from al_core.discovery.given import Hint
from al_core.masks.rle import encode
from al_core.masks.soft import SoftMask
from al_core.project import Project
from al_core.records import (
    Answer,
    DeliveredMask,
    FrameLabel,
    FrameRef,
    Gesture,
    LabelKind,
    LabelRequest,
    MaskLabel,
    Provenance,
    Selected,
)
from al_core.settings import Settings, Table
from al_core.stores.delivered import write_delivered
from flows.cli.main import main
from tasks.backends.prelabels import delivered_masks
from tasks.discovery import finding
from tasks.discovery.given_labels import given_in
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.footage.movers import line, mover_clip, write_frames

N_FRAMES = 8


class Repeats(Discoverer):
    """Finds the boxes of the first frame in every other one, and in frame 5 something of nobody's number."""

    name = "repeats"
    needs = (Hint.BOXES,)

    def find(self, clip, given, rng, on_frame=None):
        """Yield boxes."""
        first = given.of(clip.video_id)[0]
        boxes = first.boxes(clip.frames.size)
        for index in range(clip.frames.n_frames):
            found = [
                FoundObject(track, 0.5, self._mask(clip, box), first.categories[track], known=True)
                for track, box in boxes.items()
            ]
            if index == 5:
                found.append(FoundObject(1, 0.25, self._mask(clip, (100, 50, 110, 60))))
            yield index, tuple(found)

    @staticmethod
    def _mask(clip, box):
        x0, y0, x1, y1 = map(int, box)
        mask = SoftMask.of(clip.frames.read(0)[..., 0] >= 0).full()
        mask[:] = 0
        mask[y0:y1, x0:x1] = 1
        return SoftMask.of(mask)


@pytest.fixture(autouse=True)
def known_ways(monkeypatch):
    entries = {"motion": "al_core.discovery.motion:MotionTeacher", "repeats": Repeats}
    monkeypatch.setattr(finding, "DISCOVERERS", Table("way to discover", entries))


@pytest.fixture
def clip():
    return mover_clip({1: line((20, 36), (5, 0), N_FRAMES)})


@pytest.fixture
def project(tmp_path, clip):
    made = Project.at(tmp_path / "project")
    folder = write_frames(tmp_path / "moving", clip)
    assert not ingest_paths(open_ledger(made), [folder], categories=("disk", "car")).failed
    return made


def run(project, *arguments):
    result = CliRunner().invoke(main, ["discover", *arguments, "--project", str(project.root)])
    return result.exit_code, result.output


def label(project, clip, index=0, answer_id="a1", track=4):
    """Give the box of the disk in a frame, by a stroke of the mouse that was taken back once."""
    ledger = open_ledger(project)
    request = LabelRequest.of(1, Selected(FrameRef(1, index), 0, 0.0, ""))
    ledger.put_requests([request])
    said = FrameLabel(request.frame, (MaskLabel(track, 2, encode(clip.truth[index][1])),), complete=False)
    corners = ((8.0, 24.0), (33.0, 49.0))
    gestures = (
        Gesture("box", track, points=((0.0, 0.0), (1.0, 1.0)), taken_back=True),
        Gesture("box", track, True, corners),
    )
    ledger.put_answer(Answer(answer_id, request.request_id, said, LabelKind.BOX, 7.0, "ann", gestures))


def shown(project, *indices, round_id=1):
    ledger = open_ledger(project)
    requests = [LabelRequest.of(round_id, Selected(FrameRef(1, index), 0, 0.0, "")) for index in indices]
    found = delivered_masks(project, ledger, requests)
    return {r.frame.frame_idx: found[r.request_id] for r in requests if r.request_id in found}


def files(project):
    return sorted(path.name for path in (project.round_dir(0) / "predictions").iterdir())


def test_without_the_labels_that_it_needs_it_is_refused_in_one_line_and_nothing_is_stored(project):
    code, said = run(project, "--method", "repeats")
    assert code == 1
    assert "'repeats' starts from boxes that people gave" in said
    assert len(said.strip().splitlines()) == 1
    assert open_ledger(project).prediction_paths(0) == {}


def test_an_unknown_way_is_told_with_the_known_ones(project):
    code, said = run(project, "--method", "repeat")
    assert code == 1
    assert "repeats" in said


def test_labels_reach_it_with_their_gestures_and_its_masks_keep_number_and_category(project, clip):
    label(project, clip)
    assert [frame.boxes((72, 128)) for frame in given_in(open_ledger(project))] == [{4: (8, 24, 33, 49)}]
    code, said = run(project, "--method", "repeats")
    assert (code, said) == (0, "moving: 2 objects in 8 of 8 frames\n")
    by_number = {mask.track_id: mask for mask in shown(project, 5)[5]}
    assert {track: mask.category_id for track, mask in by_number.items()} == {4: 2, 5: 1}
    assert {mask.provenance for mask in by_number.values()} == {Provenance.DISCOVERED}


def test_with_more_labels_it_looks_again_and_with_the_same_it_does_not(project, clip):
    label(project, clip)
    run(project, "--method", "repeats")
    before = files(project)
    assert "found before" in run(project, "--method", "repeats")[1]
    assert files(project) == before
    label(project, clip, 3, "a2")
    assert "found before" not in run(project, "--method", "repeats")[1]
    assert len(files(project)) == 1
    assert files(project) != before
    run(project, "--method", "motion")
    assert files(project) == ["00001.parquet"]


def test_it_joins_what_was_delivered_in_frames_that_nobody_labelled(project, clip):
    label(project, clip, 1)
    ledger = open_ledger(project)
    ledger.begin_round(Settings())
    path = project.round_dir(1) / "delivered" / "00001.parquet"
    there = [DeliveredMask(i, 4, 2, Provenance.PROPAGATED, 0.9, encode(clip.truth[i][1])) for i in range(6)]
    write_delivered(path, there)
    ledger.put_delivered(1, 1, project.relative(path), N_FRAMES, [])
    ledger.finish_round(1, None)
    run(project, "--method", "repeats")
    masks = shown(project, 1, 2, 5, 6, round_id=2)
    made = {index: [(m.track_id, m.provenance.value) for m in found] for index, found in masks.items()}
    propagated, repeated = (4, "propagated"), (4, "discovered")
    assert made == {1: [propagated], 2: [propagated], 5: [propagated, (5, "discovered")], 6: [repeated]}


def test_what_was_found_can_be_forgotten(project):
    run(project)
    assert set(shown(project, 3)) == {3}
    assert run(project, "--forget") == (0, "what was found in 1 video is forgotten\n")
    assert shown(project, 3) == {}
    assert files(project) == []
    assert run(project, "--forget") == (0, "what was found in 0 videos is forgotten\n")


def test_an_excluded_video_is_not_looked_at(project):
    open_ledger(project).exclude_video(1, "kim", "dark")
    code, said = run(project, "moving")
    assert code == 1
    assert "moving is excluded; take it back in first: fewframes video include moving" in said
    assert "holds no video" in run(project)[1]
