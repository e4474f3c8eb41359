"""From a trained checkpoint to scores in the ledger, with a real student on a clip of a moving square."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from al_core.errors import BadCheckpoint
from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import (
    COMPONENTS,
    Answer,
    FrameLabel,
    FrameRef,
    LabelKind,
    LabelRequest,
    MaskLabel,
    Progress,
)
from al_core.settings import Settings, TeacherSettings
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import read_features, read_predictions
from al_core.uncertainty.scores import FrameScorer, combine, expected_objects
from tasks.engines.jobs import Order, Place, carry_out, versions
from tasks.engines.shared_folder import HandedFile, SharedFolder
from tasks.project.ingest import ingest_paths, open_frames
from tasks.steps import predict as step
from tasks.steps.context import Predicted, Trained
from tasks.steps.predict import (
    ObjectsSeen,
    load_members_for,
    predict_inputs,
    predict_video,
    predict_work,
    predicted_before,
)
from tests.toys.ledgers import chosen, clip, context_of, frame_rows, ledger_with_clip, times_us
from tests.toys.students import tiny_student

N_FRAMES = 7


def square(frame_idx: int) -> np.ndarray:
    """Mask [60, 80] of the square, which moves 6 pixels a frame."""
    mask = np.zeros((60, 80), bool)
    mask[18:42, 8 + 6 * frame_idx : 32 + 6 * frame_idx] = True
    return mask


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    (root / "clip").mkdir()
    for i in range(N_FRAMES):
        image = np.where(square(i)[..., None], (30, 200, 250), 90).astype(np.uint8)
        cv2.imwrite(str(root / "clip" / f"{i:05d}.png"), image)
    return Project.at(root)


@pytest.fixture(scope="module")
def settings(project: Project) -> Settings:
    return Settings(
        student=tiny_student(project.root),
        teachers=TeacherSettings(decays=(0.5, 0.9), views=("identity", "flip"), score_threshold=0.1),
    )


@pytest.fixture(scope="module")
def ledger(project: Project) -> Ledger:
    ledger = Ledger(project.ledger_path, patience=5)
    ingest_paths(ledger, [project.root / "clip"])
    ledger.add_categories(["square"])
    return ledger


@pytest.fixture(scope="module")
def frames(project: Project, ledger: Ledger, settings: Settings) -> FrameStore:
    return open_frames(project, ledger, settings.frames)


@pytest.fixture(scope="module")
def checkpoint(project: Project, ledger: Ledger, frames: FrameStore, settings: Settings) -> Path:
    from al_core.students.train import TrainingSample, train_student

    samples = [TrainingSample(FrameRef(1, i), (MaskLabel(1, 1, encode(square(i))),)) for i in (0, 3)]
    trained = train_student(
        settings.student, settings.teachers, samples, ledger.categories(), frames.read,
        project.round_dir(1) / "student", seed=0, iterations=3, statistics_batches=2,
    )  # fmt: skip
    return trained.checkpoint


def components_of(frames, expected=None):
    """The components of uncertainty of each frame, by name."""
    scorer = FrameScorer(expected)
    for frame in frames:
        scorer.add(frame)
    return scorer.components()


def test_nothing_is_predicted_while_there_is_no_student(tmp_path: Path) -> None:
    ledger = ledger_with_clip(tmp_path)
    ledger.begin_round(Settings())
    ledger.begin_step(1, "train", "a")
    ledger.finish_step(1, "train", Trained(kept="not trained: no label shows an object yet").to_json(), 1.0)
    context = context_of(Project.at(tmp_path), ledger)
    assert predict_work(context) == Predicted(fingerprint(predict_inputs(context)))
    assert ledger.prediction_paths(1) == {}


def test_a_video_is_predicted_scored_and_stored(
    project: Project, ledger: Ledger, frames: FrameStore, settings: Settings, checkpoint: Path
) -> None:
    (video,) = ledger.videos()
    members = load_members_for(checkpoint, settings)
    told: list[Progress] = []
    context = context_of(project, ledger, 1, settings, frames=frames)
    path = predict_video(context, video, members, on_progress=told.append)

    assert path == project.round_dir(1) / "predictions" / "00001.parquet"
    assert ledger.prediction_paths(1) == {1: "rounds/0001/predictions/00001.parquet"}
    assert [(p.done, p.total) for p in told] == [(i + 1, N_FRAMES) for i in range(N_FRAMES)]

    predicted = list(read_predictions(path))
    rows = ledger.predictions(1, 1)
    assert rows["frame_idx"].tolist() == [f.frame_idx for f in predicted] == list(range(N_FRAMES))
    assert rows["n_objects"].tolist() == [len(f.objects) for f in predicted]
    assert rows["n_objects"].sum() > 0
    components = components_of(predicted)
    for name in COMPONENTS:
        assert np.allclose(rows[name], components[name], atol=1e-6)
    assert np.allclose(rows["uncertainty"], combine(components, settings.uncertainty), atol=1e-6)

    frame_idx, features = read_features(path)
    assert frame_idx.tolist() == list(range(N_FRAMES))
    assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    assert len({feature.tobytes() for feature in features}) == N_FRAMES


def test_a_worker_predicts_the_same_to_the_byte(
    tmp_path: Path, project: Project, ledger: Ledger, frames: FrameStore, settings: Settings, checkpoint: Path
) -> None:
    (video,) = ledger.videos()
    request = LabelRequest.of(7, chosen(2))
    ledger.put_requests([request])
    label = FrameLabel(request.frame, (MaskLabel(1, 1, encode(square(2))),))
    ledger.put_answer(Answer("one", request.request_id, label, LabelKind.MASK, 80.0, "ann"))
    context, seen = context_of(project, ledger, 7, settings, frames=frames), ObjectsSeen.of(ledger, 7)
    here = predict_video(context, video, load_members_for(checkpoint, settings), expected=seen.expected(1))
    (tmp_path / "shared").mkdir()
    shared = SharedFolder(tmp_path / "shared")
    job = step.PredictJob.of(context, video, shared.give(checkpoint), seen)
    packed = carry_out(pickle.dumps(Order(job, 1, shared, 0, 0, versions())))
    file, table = pickle.loads(packed).value
    shared.take(file, tmp_path / "home.parquet")
    assert (tmp_path / "home.parquet").read_bytes() == here.read_bytes()
    assert table["uncertainty"].to_pylist() == ledger.predictions(7, 1)["uncertainty"].tolist()


def test_predicting_again_gives_the_same_bytes_and_no_double_rows(
    project: Project, ledger: Ledger, frames: FrameStore, settings: Settings, checkpoint: Path
) -> None:
    (video,) = ledger.videos()
    contents = []
    for _ in range(2):
        members = load_members_for(checkpoint, settings)
        context = context_of(project, ledger, 2, settings, frames=frames)
        contents.append(predict_video(context, video, members).read_bytes())
    assert contents[0] == contents[1]
    assert len(ledger.predictions(2)["frame_idx"]) == N_FRAMES


def test_what_the_same_student_predicted_in_the_round_before_is_not_asked_again(
    project: Project, ledger: Ledger, frames: FrameStore, settings: Settings, checkpoint: Path
) -> None:
    (video,) = ledger.videos()
    before, now, other = (context_of(project, ledger, n, settings, frames=frames) for n in (4, 5, 6))
    now.__dict__["before"] = other.__dict__["before"] = before
    path = predict_video(before, video, load_members_for(checkpoint, settings))
    for context, sha256 in ((before, "a"), (now, "a"), (other, "b")):
        ledger.begin_step(context.round_id, "train", "x")
        ledger.finish_step(context.round_id, "train", Trained("student.pth", sha256).to_json(), 1.0)
    assert predicted_before(now) == {}
    done = Predicted(fingerprint(predict_inputs(before)), 1, {"1": fingerprint_file(path)})
    ledger.begin_step(4, "predict", "x")
    ledger.finish_step(4, "predict", done.to_json(), 1.0)
    assert (predicted_before(now), predicted_before(other)) == ({1: path}, {})
    content = path.read_bytes()
    assert (predict_video(now, video, [], known=path), path.read_bytes()) == (path, content)
    assert ledger.prediction_paths(5) == ledger.prediction_paths(4)
    assert ledger.predictions(5, 1)["uncertainty"].tolist() == ledger.predictions(4, 1)["uncertainty"].tolist()
    path.write_bytes(path.read_bytes()[:-1])
    assert predicted_before(now) == {}


def test_what_people_labelled_tells_how_many_objects_to_expect(
    project: Project, ledger: Ledger, frames: FrameStore, settings: Settings, checkpoint: Path
) -> None:
    (video,) = ledger.videos()
    request = LabelRequest.of(3, chosen(2))
    ledger.put_requests([request])
    label = FrameLabel(request.frame, tuple(MaskLabel(t, 1, encode(square(t))) for t in range(1, 31)))
    ledger.put_answer(Answer("thirty", request.request_id, label, LabelKind.MASK, 80.0, "ann"))
    members = load_members_for(checkpoint, settings)
    for round_id, expected in ((2, None), (3, expected_objects({2: 30}))):
        seen = ObjectsSeen.of(ledger, round_id).expected(1)
        context = context_of(project, ledger, round_id, settings, frames=frames)
        path = predict_video(context, video, members, expected=seen)
        components = components_of(read_predictions(path), expected)
        assert np.allclose(
            ledger.predictions(round_id)["temporal_inconsistency"], components["temporal_inconsistency"], atol=1e-6
        )
    assert components["temporal_inconsistency"].min() > 0.5


def test_a_video_is_expected_to_show_what_people_saw_near_by_or_elsewhere(tmp_path: Path) -> None:
    ledger = ledger_with_clip(tmp_path)
    assert ObjectsSeen.of(ledger, 3).expected(1) is None
    masks = tuple(MaskLabel(t, 1, encode(np.ones((4, 4), bool))) for t in (1, 2, 3))
    for frame, n in ((2, 3), (8, 0)):
        request = LabelRequest.of(3, chosen(frame))
        ledger.put_requests([request])
        ledger.put_answer(
            Answer(str(n), request.request_id, FrameLabel(request.frame, masks[:n]), LabelKind.MASK, 1.0, "a")
        )
    assert ObjectsSeen.of(ledger, 2).of_video(1) == [[], None]
    seen = ObjectsSeen.of(ledger, 3)
    assert (seen.of_video(1), seen.of_video(2)) == ([[(2, 3), (8, 0)], 2], [[], 2])
    expected, elsewhere = seen.expected(1), seen.expected(2)
    assert expected is not None
    assert elsewhere is not None
    assert ([expected(i) for i in (0, 4, 6, 11)], elsewhere(5)) == ([3, 3, 0, 0], 2)


def test_teachers_are_asked_for_weak_sightings_too(checkpoint: Path, settings: Settings) -> None:
    members = load_members_for(checkpoint, settings)
    assert [m.category_ids for m in members] == [[1, 2], [1, 2]]
    assert all(not m.model.training for m in members)
    for member in members:
        assert member.model.test_cfg.rcnn.score_thr == pytest.approx(settings.teachers.score_threshold / 3)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path, checkpoint: Path, settings: Settings) -> None:
    damaged = tmp_path / "student.pth"
    damaged.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(BadCheckpoint, match=r"student\.pth"):
        load_members_for(damaged, settings)


def test_a_round_predicts_the_videos_that_have_no_predictions_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that a dead predecessor finished are kept; the teachers are loaded once, or not at all."""
    ledger = ledger_with_clip(tmp_path)
    ledger.add_video(clip("second"), times_us())
    context = context_of(Project.at(tmp_path), ledger)
    trained = Trained("student.pth", "1" * 64)
    ledger.begin_round(Settings())
    ledger.begin_step(1, "train", "0" * 64)
    ledger.finish_step(1, "train", trained.to_json(), 1.0)
    (tmp_path / "1.parquet").write_bytes(b"kept")
    ledger.put_predictions(1, 1, frame_rows(np.zeros(12, np.float32)), "1.parquet")
    done: list[object] = []

    def stand_in(job: step.PredictJob, place: Place) -> tuple[HandedFile, object]:
        done.append((job.video.name, Path(job.checkpoint.place).name))
        job.target.parent.mkdir(parents=True)
        job.target.write_bytes(b"new")
        return place.files.give(job.target), frame_rows(np.zeros(12, np.float32))

    monkeypatch.setattr(step.PredictJob, "work", stand_in)
    first = step.predict_work(context)
    assert done == [("second", "student.pth")]
    assert (first.videos, set(first.hashes)) == (2, {"1", "2"})
    monkeypatch.setattr(step.PredictJob, "work", None)
    assert step.predict_work(context) == first
