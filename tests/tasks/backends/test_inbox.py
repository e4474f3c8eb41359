"""Frames laid out for people, and what they drop into the inbox."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadLabel
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel
from tasks.backends.inbox import InboxBackend
from tests.toys.ledgers import SQUARE, chosen, context_of, ledger_with_clip, square

FIRST, SECOND = "r0001-v00001-f0000003", "r0001-v00001-f0000008"


class GreyFrames:
    """Frames that are as bright as their number."""

    def read_full(self, frame: FrameRef) -> np.ndarray:
        return np.full((4, 4, 3), 10 * frame.frame_idx, np.uint8)


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


@pytest.fixture
def ledger(project):
    ledger = ledger_with_clip(project.root, with_truth=False)
    ledger.put_requests([LabelRequest.of(1, chosen(3, 0)), LabelRequest.of(1, chosen(8, 1))])
    return ledger


@pytest.fixture
def backend(project, ledger):
    backend = InboxBackend(context_of(project, ledger, frames=GreyFrames()), settle_seconds=0.0)
    backend.submit(ledger.requests(), {})
    return backend


def drop(project: Project, values: np.ndarray, name: str = f"{FIRST}.png") -> Path:
    path = project.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


class TestSubmit:
    def test_frames_index_and_instructions(self, project, backend):
        folder = project.outbox / "round-0001"
        assert tree(project.outbox) == {
            "tracks.json",
            "round-0001/README.txt",
            "round-0001/index.json",
            f"round-0001/{FIRST}.jpg",
            f"round-0001/{SECOND}.jpg",
        }
        assert abs(np.asarray(Image.open(folder / f"{FIRST}.jpg")).astype(int) - 30).max() <= 2
        assert f"{FIRST}.png" in (folder / "README.txt").read_text()
        first, second = json.loads((folder / "index.json").read_text())["requests"]
        assert first == {
            "request_id": FIRST,
            "frame": f"{FIRST}.jpg",
            "proposal": None,
            "video": "clip",
            "frame_idx": 3,
            "time_seconds": 0.1001,
            "height": 4,
            "width": 4,
            "rank": 0,
            "reason": "it moves most",
        }
        assert second["rank"] == 1

    def test_submitting_again_changes_nothing(self, project, ledger, backend):
        before = {name: (project.outbox / name).read_bytes() for name in tree(project.outbox)}
        backend.submit(ledger.requests(), {})
        assert {name: (project.outbox / name).read_bytes() for name in tree(project.outbox)} == before

    def test_proposals_are_index_images_small_objects_on_top(self, project, ledger):
        corner = np.zeros((4, 4), bool)
        corner[1, 1] = True
        masks = (MaskLabel(1, 1, encode(corner)), MaskLabel(2, 1, square()))
        backend = InboxBackend(context_of(project, ledger, frames=GreyFrames()))
        backend.submit(ledger.requests(), {FIRST: FrameLabel(FrameRef(1, 3), masks)})
        shown = np.asarray(Image.open(project.outbox / f"round-0001/proposals/{FIRST}.png"))
        assert shown.tolist() == [[0, 0, 0, 0], [0, 1, 2, 0], [0, 2, 2, 0], [0, 0, 0, 0]]
        index = json.loads((project.outbox / "round-0001/index.json").read_text())["requests"]
        assert [e["proposal"] for e in index] == [f"proposals/{FIRST}.png", None]
        tracks = json.loads((project.outbox / "tracks.json").read_text())
        assert tracks == {"categories": ["object"], "videos": {"clip": {"1": "object", "2": "object"}}}

    def test_a_proposed_track_beyond_8_bits(self, project, ledger):
        backend = InboxBackend(context_of(project, ledger, frames=GreyFrames()), settle_seconds=0.0)
        proposal = FrameLabel(FrameRef(1, 3), (MaskLabel(300, 1, square()),))
        backend.submit(ledger.requests(), {FIRST: proposal})
        shown = project.outbox / f"round-0001/proposals/{FIRST}.png"
        os.replace(shown, project.inbox / shown.name)
        (answer,) = backend.collect([FIRST])
        assert answer.label == proposal


class TestCollect:
    def test_an_index_image(self, project, backend):
        drop(project, np.where(SQUARE, 2, 0).astype(np.uint8))
        (answer,) = backend.collect([FIRST, SECOND])
        assert answer.label == FrameLabel(FrameRef(1, 3), (MaskLabel(2, 1, square()),))
        assert (answer.kind, answer.seconds, answer.annotator) == (LabelKind.MASK, 80.0, "inbox")
        assert tree(project.inbox) == {f"accepted/{FIRST}.png", f"accepted/understood/{FIRST}.json"}
        assert backend.rejected() == []

    def test_nothing_here(self, project, backend):
        drop(project, np.zeros((4, 4), np.uint8))
        (answer,) = backend.collect([FIRST])
        assert (answer.kind, answer.seconds, answer.label.masks) == (LabelKind.ABSENT, 3.0, ())

    def test_a_coco_file_for_both(self, project, backend):
        content = {
            "images": [
                {"id": 1, "file_name": f"{FIRST}.jpg", "seconds": 33},
                {"id": 2, "file_name": f"{SECOND}.jpg"},
            ],
            "categories": [{"id": 1, "name": "object"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": square().to_coco()}],
        }
        content["annotations"][0]["attributes"] = {"occluded": True, "truncated": False}
        (project.inbox / "all.json").write_text(json.dumps(content))
        first, second = backend.collect([FIRST, SECOND])
        assert first.label.masks[0].attributes == ("occluded",)
        assert (first.kind, first.seconds) == (LabelKind.MASK, 33)
        assert (second.kind, second.seconds) == (LabelKind.ABSENT, 3.0)

    def test_collecting_again_gives_the_same_answer(self, project, ledger, backend):
        drop(project, np.where(SQUARE, 1, 0).astype(np.uint8))
        first = backend.collect([FIRST])
        later = InboxBackend(context_of(project, ledger, frames=GreyFrames()))
        assert later.collect([FIRST]) == first

    def test_a_label_that_is_dropped_again_replaces_the_one_before(self, project, ledger, backend):
        drop(project, np.where(SQUARE, 1, 0).astype(np.uint8))
        (first,) = backend.collect([FIRST])
        drop(project, np.zeros((4, 4), np.uint8))
        again, second = backend.collect([FIRST])
        assert again == first
        assert second.answer_id != first.answer_id
        assert second.label.masks == ()
        assert f"accepted/{FIRST}-2.png" in tree(project.inbox)

    def test_two_people_answer_one_frame(self, project, ledger, backend):
        """Both answers are kept; the newer file counts, whatever its path."""
        os.utime(drop(project, np.where(SQUARE, 1, 0).astype(np.uint8), f"ann/{FIRST}.png"), (2e9, 2e9))
        os.utime(drop(project, np.where(SQUARE, 2, 0).astype(np.uint8), f"bob/{FIRST}.png"), (1e9, 1e9))
        for answer in backend.collect([FIRST]):
            assert ledger.put_answer(answer)
        assert [[mask.track_id for mask in label.masks] for label in ledger.human_labels()] == [[1]]
        assert not any(ledger.put_answer(answer) for answer in backend.collect([FIRST]))

    def test_a_proposal_dropped_unchanged_is_accepted(self, project, ledger):
        backend = InboxBackend(context_of(project, ledger, frames=GreyFrames()), settle_seconds=0.0)
        backend.submit(ledger.requests(), {FIRST: FrameLabel(FrameRef(1, 3), (MaskLabel(1, 1, square()),))})
        drop(project, np.where(SQUARE, 1, 0).astype(np.uint8))
        drop(project, np.where(SQUARE, 1, 0).astype(np.uint8), f"{SECOND}.png")
        first, second = backend.collect([FIRST, SECOND])
        assert (first.kind, first.seconds) == (LabelKind.ACCEPT, 2.0)
        assert (second.kind, second.seconds) == (LabelKind.MASK, 80.0)


class TestTracks:
    def test_an_object_that_is_named_anew_is_corrected(self, project, ledger):
        """The image is dropped as it was, but ``tracks.json`` calls its object something else."""
        backend = InboxBackend(context_of(project, ledger, frames=GreyFrames()), settle_seconds=0.0)
        backend.submit(ledger.requests(), {FIRST: FrameLabel(FrameRef(1, 3), (MaskLabel(1, 1, square()),))})
        tracks = {"categories": ["object", "cat"], "videos": {"clip": {"1": "cat"}}}
        (project.outbox / "tracks.json").write_text(json.dumps(tracks))
        shown = project.outbox / f"round-0001/proposals/{FIRST}.png"
        (project.inbox / shown.name).write_bytes(shown.read_bytes())
        (answer,) = backend.collect([FIRST])
        assert answer.kind is LabelKind.MASK

    def test_a_proposal_that_an_earlier_version_laid_out_can_be_accepted(self, project, ledger):
        backend = InboxBackend(context_of(project, ledger, frames=GreyFrames()), settle_seconds=0.0)
        backend.submit(ledger.requests(), {FIRST: FrameLabel(FrameRef(1, 3), (MaskLabel(1, 1, square()),))})
        (project.inbox / f"accepted/shown/{FIRST}.json").unlink()
        shown = project.outbox / f"round-0001/proposals/{FIRST}.png"
        (project.inbox / shown.name).write_bytes(shown.read_bytes())
        (answer,) = backend.collect([FIRST])
        assert answer.kind is LabelKind.ACCEPT

    def test_people_name_the_objects(self, project, ledger, backend):
        tracks = {"categories": ["object", "cat"], "videos": {"clip": {"2": "cat"}}}
        (project.outbox / "tracks.json").write_text(json.dumps(tracks))
        values = np.where(SQUARE, 2, 0).astype(np.uint8)
        values[0, 0] = 5
        drop(project, values)
        (answer,) = backend.collect([FIRST])
        assert [(m.track_id, m.category_id) for m in answer.label.masks] == [(2, 2), (5, 1)]
        assert ledger.categories() == {1: "object", 2: "cat"}
        backend.submit(ledger.requests(), {})
        assert json.loads((project.outbox / "tracks.json").read_text()) == tracks

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "tracks.json: cannot be read"),
            ('{"categories": ["a"]}', "expected .*categories.*videos"),
            (
                '{"categories": ["cat"], "videos": {"clip": {"1": "car"}}}',
                "unknown category 'car'; known: cat",
            ),
        ],
    )
    def test_a_bad_file_stops_before_any_label_is_touched(self, project, backend, text, message):
        (project.outbox / "tracks.json").write_text(text)
        drop(project, np.zeros((4, 4), np.uint8))
        with pytest.raises(BadLabel, match=message):
            backend.collect([FIRST])
        assert tree(project.inbox) == {f"{FIRST}.png"}


class TestBadFiles:
    def test_each_is_moved_with_its_reason_and_told_once(self, project, backend):
        drop(project, np.zeros((5, 4), np.uint8))
        drop(project, np.zeros((4, 4), np.uint8), "frame3.png")
        (project.inbox / "notes.txt").write_text("hello")
        drop(project, np.where(SQUARE, 1, 0).astype(np.uint8), f"mine/{SECOND}.png")
        assert [a.request_id for a in backend.collect([FIRST, SECOND])] == [SECOND]
        messages = backend.rejected()
        assert len(messages) == 3
        assert "no frame of the name 'frame3' was asked for" in messages[0]
        assert f"e.g. '{FIRST}'" in messages[0]
        assert "expected an index image (.png) or COCO (.json), got '.txt'" in messages[1]
        assert "the image is 5x4 pixels (height x width), its frame is 4x4" in messages[2]
        assert messages[2].endswith(f"(moved to inbox/rejected/{FIRST}.png)")
        assert "5x4 pixels" in (project.inbox / f"rejected/{FIRST}.png.txt").read_text()
        assert backend.collect([FIRST]) == []
        assert backend.rejected() == []


def test_frames_that_are_held_out_lie_beside_those_of_rounds(project, ledger, backend):
    ledger.hold_out(1, [5], [5], "lead")
    (held_out,) = ledger.requests(purpose="holdout")
    backend.submit([*ledger.requests(), held_out], {})
    assert (project.outbox / "round-0000" / f"{held_out.request_id}.jpg").is_file()
    drop(project, SQUARE.astype(np.uint8), f"{held_out.request_id}.png")
    (answer,) = backend.collect([held_out.request_id])
    assert ledger.put_answer(answer)
    assert [label.frame for label in ledger.human_labels(purpose="holdout")] == [FrameRef(1, 5)]
