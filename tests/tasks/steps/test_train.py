"""What a round's student starts from, learns from, and leaves behind."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import pytest

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from al_core.students import train as training
from al_core.students.train import TrainingSample
from tasks.engines.shared_folder import SharedFolder
from tasks.models.page_refiner import PageRefiner
from tasks.report.round_rows import round_rows
from tasks.steps import train
from tasks.steps.context import Trained
from tasks.steps.model_selection.training_worth import Gain
from tasks.steps.train import TrainJob, starting_checkpoint, starting_round, train_inputs, train_work
from tests.toys.ledgers import context_of, ledger_with_clip, square

LABELS = [FrameLabel(FrameRef(1, 3), (MaskLabel(1, 1, square()),)), FrameLabel(FrameRef(1, 7), ())]


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def context(ledger: Ledger, round_id=1, labels=LABELS, **changes):
    """A round's context with settings by name."""
    settings = Settings().changed(changes)
    frames = SimpleNamespace(read=None)
    return context_of(
        Project.at(ledger.path.parent), ledger, round_id, settings, labels_collected=labels, frames=frames
    )


def trained(ledger, round_id, checkpoint):
    """An earlier round trained."""
    ledger.begin_step(round_id, "train", "a")
    ledger.finish_step(round_id, "train", Trained(checkpoint=checkpoint).to_json(), 1.0)


class TestStart:
    def test_the_first_round_starts_from_nothing_or_from_given_weights(self, ledger):
        assert starting_checkpoint(context(ledger)) is None
        assert starting_checkpoint(context(ledger, **{"student.init_weights": "w.pth"})).name == "w.pth"

    def test_later_rounds_go_on_from_the_newest_round_before_that_trained(self, ledger, tmp_path):
        trained(ledger, 1, "rounds/0001/a.pth")
        trained(ledger, 3, "rounds/0003/c.pth")
        ledger.begin_step(2, "train", "a")
        ledger.fail_step(2, "train", "out of memory")
        found = [starting_checkpoint(context(ledger, round_id)) for round_id in (1, 2, 3, 4)]
        before, after = tmp_path / "rounds/0001/a.pth", tmp_path / "rounds/0003/c.pth"
        assert found == [None, before, before, after]

    def test_a_round_that_begins_after_a_pin_starts_from_the_pinned_one(self, ledger, tmp_path):
        for round_id in (1, 2):
            ledger.begin_round(Settings())
            trained(ledger, round_id, f"rounds/{round_id:04d}/a.pth")
            ledger.finish_round(round_id, None)
        ledger.pin_student(1, "eve")
        ledger.begin_round(Settings())
        ledger.pin_student(2, "eve")
        found = [starting_checkpoint(context(ledger, round_id)) for round_id in (2, 3)]
        assert found == [tmp_path / "rounds/0001/a.pth"] * 2
        assert starting_round(context(ledger, 3))[0] == 1
        ledger.finish_round(3, None)
        ledger.begin_round(Settings())
        assert starting_checkpoint(context(ledger, 4)) == tmp_path / "rounds/0002/a.pth"

    def test_without_a_warm_start_every_round_begins_with_the_given_weights(self, ledger):
        trained(ledger, 1, "rounds/0001/a.pth")
        cold = {"student.warm_start": False}
        assert starting_checkpoint(context(ledger, 2, **cold)) is None
        assert starting_checkpoint(context(ledger, 2, **cold, **{"student.init_weights": "w.pth"})).name == "w.pth"


class TestInputs:
    @pytest.mark.parametrize(
        ("changes", "same"),
        [
            ({"student.device": "cpu"}, True),
            ({"student.checkpoint_interval": 7}, True),
            ({"selection.frames_per_round": 9}, True),
            ({"student.iterations": 7}, False),
            ({"teachers.decays": [0.5]}, False),
            ({"seed": 7}, False),
            ({"student.train": "heads"}, False),
        ],
    )
    def test_what_changes_nothing_about_the_student_is_left_out(self, ledger, changes, same):
        assert (train_inputs(context(ledger, **changes)) == train_inputs(context(ledger))) == same

    def test_labels_and_the_content_of_the_start_count(self, ledger, tmp_path):
        weights = tmp_path / "w.pth"
        start = {"student.init_weights": str(weights)}
        found = [train_inputs(context(ledger, **start)), train_inputs(context(ledger, labels=LABELS[:1], **start))]
        for content in (b"1", b"2"):
            weights.write_bytes(content)
            found.append(train_inputs(context(ledger, **start)))
        assert all(a != b for i, a in enumerate(found) for b in found[:i])


@pytest.fixture
def students(monkeypatch, tmp_path):
    """What is asked of the training itself, which only leaves a file behind."""
    asked = []

    def train_student(student, teachers, samples, categories, read_image, work_dir, **options):
        folder = work_dir
        asked.append({"samples": samples, "categories": categories, "folder": folder, **options})
        folder.mkdir(parents=True)
        (folder / "student.pth").write_bytes(b"weights")
        curve = [(1, 4.0, 0.01), (2, 3.0, 0.01)]
        return training.TrainedStudent(folder / "student.pth", curve, 1.5, "cpu", ["all weights fitted"])

    monkeypatch.setattr(training, "train_student", train_student)
    return asked


def test_a_student_learns_from_all_labels_and_its_curve_is_kept(ledger, students, tmp_path):
    done = train_work(context(ledger, **{"seed": 5}))
    (asked,) = students
    assert [(s.frame, s.masks) for s in asked["samples"]] == [(label.frame, label.masks) for label in LABELS]
    assert (asked["categories"], asked["seed"]) == ({1: "object"}, 5001)
    assert asked["folder"].is_relative_to(tmp_path / "rounds")
    assert ledger.training_curve(1) == [(1, 4.0, 0.01), (2, 3.0, 0.01)]
    assert (tmp_path / done.checkpoint).read_bytes() == b"weights"
    assert (done.device, done.loss, done.labels, done.notes) == ("cpu", 3.0, 2, ("all weights fitted",))


def test_a_seed_travels_with_the_files_that_it_takes(ledger, students, tmp_path):
    (tmp_path / "shared").mkdir()
    shared = SharedFolder(tmp_path / "shared")
    start, override = tmp_path / "start.pth", tmp_path / "narrow.py"
    start.write_bytes(b"weights")
    override.write_text("model = dict()")
    settings = context(ledger, **{"student.override": str(override)}).settings
    samples = [TrainingSample(label.frame, label.masks) for label in LABELS]
    whole = TrainJob(0, ledger.videos(), settings, {1: "object"}, samples, [], 7, 20, tmp_path / "student")
    job = pickle.loads(pickle.dumps(whole.given(shared, 1, start)))
    assert (job.number, job.key, job.name) == (1, 1, "train seed 1")
    assert shared.open(job.start).read_bytes() == b"weights"
    assert list(job.configs) == ["override"]
    assert shared.open(job.configs["override"]).read_text() == "model = dict()"
    assert [sample.masks for sample in job.samples] == [label.masks for label in LABELS]


def test_who_goes_on_from_a_round_before_trains_for_less_long(ledger, students):
    trained(ledger, 1, "rounds/0001/a.pth")
    iterations = {"student.iterations": 3, "student.first_round_iterations": 8}
    train_work(context(ledger, 1, **iterations))
    train_work(context(ledger, 2, **iterations))
    assert [asked["iterations"] for asked in students] == [8, 3]
    assert students[1]["init_checkpoint"].name == "a.pth"


def test_the_first_training_is_that_of_the_first_round_with_an_object(ledger, students):
    ledger.begin_round(Settings())
    iterations = {"student.iterations": 3, "student.first_round_iterations": 8}
    none = train_work(context(ledger, labels=LABELS[1:], **iterations))
    assert none.to_json() == Trained(kept="not trained: no label shows an object yet").to_json()
    ledger.begin_step(1, "train", "a")
    ledger.finish_step(1, "train", none.to_json(), 1.0)
    assert [row.kept for row in round_rows(ledger)] == [none.kept]
    assert starting_round(context(ledger, 2)) is None
    train_work(context(ledger, 2, **iterations))
    assert [asked["iterations"] for asked in students] == [8]


def test_a_student_is_kept_where_training_is_not_expected_to_pay(ledger, students, monkeypatch, tmp_path):
    ledger.begin_round(Settings())
    done = train_work(context(ledger))
    ledger.begin_step(1, "train", "a")
    ledger.finish_step(1, "train", done.to_json(), 1.0)
    ledger.finish_round(1, None)
    ledger.begin_round(Settings())
    monkeypatch.setattr(train, "measured_gain", lambda context: Gain(20, 0.0, 0.0))
    kept = train_work(context(ledger, 2))
    assert len(students) == 1
    assert (kept.checkpoint, kept.sha256, kept.labels) == (done.checkpoint, done.sha256, 2)
    assert kept.kept.startswith("not trained: on 20 frames")
    assert Trained.from_json(kept.to_json()) == kept
    assert kept.gain == (20, 0.0, 0.0)
    ledger.begin_step(2, "train", "a")
    ledger.finish_step(2, "train", kept.to_json(), 1.0)
    (row,) = [row for row in round_rows(ledger) if row.kept]
    assert row.kept == kept.kept
    train_work(context(ledger, 3, **{"student.when": "always"}))
    assert len(students) == 2


def test_the_page_s_refiner_is_trained_too_and_goes_on_from_that_of_the_round_before(ledger, students, monkeypatch):
    starts = []

    def train_page_refiner(context, start):
        starts.append(start)
        return PageRefiner(f"rounds/{context.round_id:04d}/refiner/a.pt", "0" * 64, {"clicks": "network"})

    monkeypatch.setattr(train, "train_page_refiner", train_page_refiner)
    ledger.begin_round(Settings())
    ledger.begin_step(1, "train", "a")
    done = train_work(context(ledger))
    ledger.finish_step(1, "train", done.to_json(), 1.0)
    assert done.refiner["methods"] == {"clicks": "network"}
    train_work(context(ledger, 2))
    assert starts == [None, ledger.path.parent / "rounds/0001/refiner/a.pt"]


def test_few_labels_make_no_refiner(ledger, students):
    assert train_work(context(ledger)).refiner == {}


def test_frames_of_which_not_all_is_known_teach_nothing(ledger, students):
    partly = replace(LABELS[0], frame=FrameRef(1, 5), complete=False)
    found = train_work(context(ledger, labels=[*LABELS, partly]))
    assert [sample.frame.frame_idx for sample in students[0]["samples"]] == [3, 7]
    assert found.labels == 2


def test_frames_that_nobody_labelled_teach_where_the_settings_say_so(ledger, students):
    ours = context(ledger, **{"student.unlabelled": "mmt_psm"})
    done = train_work(ours)
    train_work(context(ledger, 2))
    taught = [[sample.frame.frame_idx for sample in asked["unlabelled"]] for asked in students]
    assert taught == [[i for i in range(12) if i not in (3, 7)], []]
    assert (done.learned_from(), done.losses) == ("2 labelled frames", {})
    assert train_inputs(ours)["delivered"] == {}


def test_curves_are_kept_thin():
    points = [(i, float(i)) for i in range(1, 2 * train.CURVE_POINTS + 1)]
    thin = train.thinned({"loss_cls": points, "unlabelled_loss": points[:3]})
    assert len(thin["loss_cls"]) == train.CURVE_POINTS
    assert thin["loss_cls"][:2] == [(2, 1.5), (4, 3.5)]
    assert thin["unlabelled_loss"] == points[:3]
    assert Trained(unlabelled=3, losses=thin).learned_from() == "0 labelled and 3 unlabelled frames"
