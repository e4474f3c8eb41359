"""Networks that a project's own footage trains, and the rounds that use them."""

from pathlib import Path

import pytest

from al_core.depth import depth_network, depth_training
from al_core.depth.depth_network import load_depth_network
from al_core.errors import BadCheckpoint, BadSettings, NotReady
from al_core.networks import training_loop
from al_core.networks.network_state import to_bytes
from al_core.project import Project
from al_core.propagation.affinity import encoder_training
from al_core.propagation.affinity.encoder import load_encoder, new_encoder
from al_core.propagation.specialist.network import load_weights, new_network
from al_core.records import FrameRef, LabelRequest, Progress, Selected
from al_core.settings import Settings
from al_core.stores.pretrained import PretrainedNetworks
from tasks.ledger.client import open_ledger
from tasks.models.pretraining import encoder_of_discovery, forget, pretrain_depth, pretrain_encoder, pretrain_parent
from tasks.preflight.checks import check_weights
from tasks.project.ingest import ingest_paths
from tasks.steps.context import RoundContext
from tasks.steps.model_selection.choosing import choose_propagators
from tasks.steps.train import starting_checkpoint
from tests.toys.footage.movers import line, mover_clip, write_frames
from tests.toys.footage.travelling import travelling_clip
from tests.toys.ledgers import clip, context_of, mask_answer, times_us
from tests.toys.students import NARROW
from tests.toys.workplace import Workplace, propagate_video

SETTINGS = Settings().changed({"propagation.methods": ["affinity", "specialist"], "propagation.specialist_steps": 2})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setattr(encoder_training, "CROP", 32)
    return Workplace(tmp_path)


def labelled(place: Workplace, *frames: int) -> None:
    """Let a person answer in round 1."""
    place.ledger.begin_round(SETTINGS)
    for rank, i in enumerate(frames):
        request = LabelRequest.of(1, Selected(FrameRef(place.video.video_id, i), rank, 0.5, "it moves"))
        place.ledger.put_requests([request])
        answer = mask_answer(request, f"a{i}", place.label(i).objects[0].rle)
        place.ledger.put_answer(answer)


def test_an_encoder_of_all_videos_is_kept_and_made_once(place: Workplace) -> None:
    told: list[Progress] = []
    made = pretrain_encoder(place.project, place.ledger, SETTINGS, 3, told.append)
    assert (made.kind, made.videos, made.frames, made.steps) == ("encoder", 1, 12, 3)
    assert [p.done for p in told] == [0, 1, 2, 3]
    networks = PretrainedNetworks(place.project.pretrained)
    assert networks.all() == [made]
    assert to_bytes(load_encoder(networks.path(made))) != to_bytes(new_encoder(0))
    told.clear()
    assert pretrain_encoder(place.project, place.ledger, SETTINGS, 3, told.append) == made
    assert told == []
    assert networks.all() == [made]


def test_the_encoder_of_discovery_is_kept_and_made_once(tmp_path: Path) -> None:
    project = Project.at(tmp_path / "project")
    ledger = open_ledger(project)
    movers = write_frames(tmp_path / "movers", mover_clip({1: line((12, 16), (4, 0), 6)}, radius=7, size=(32, 64)))
    assert not ingest_paths(ledger, [movers]).failed
    made = encoder_of_discovery(project, ledger, SETTINGS, 2)
    assert (made.kind, made.videos, made.frames, made.steps) == ("encoder", 1, 6, 2)
    networks = PretrainedNetworks(project.pretrained)
    assert to_bytes(load_encoder(networks.path(made))) != to_bytes(new_encoder(0))
    assert encoder_of_discovery(project, ledger, SETTINGS, 2) == made
    assert networks.all() == [made]


def test_a_training_that_was_stopped_goes_on(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_loop, "SAVE_EVERY", 2)

    def stop(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain_encoder(place.project, place.ledger, SETTINGS, 4, stop)
    assert PretrainedNetworks(place.project.pretrained).all() == []
    told: list[Progress] = []
    pretrain_encoder(place.project, place.ledger, SETTINGS, 4, told.append)
    assert [p.done for p in told] == [0, 3, 4]


def test_a_parent_learns_from_labels(place: Workplace) -> None:
    with pytest.raises(NotReady, match="frames that people labelled"):
        pretrain_parent(place.project, place.ledger, SETTINGS, 2)
    labelled(place, 2, 9)
    made = pretrain_parent(place.project, place.ledger, SETTINGS, 2)
    assert (made.videos, made.frames, made.steps) == (1, 2, 2)
    kept = load_weights(PretrainedNetworks(place.project.pretrained).path(made))
    assert to_bytes(kept) != to_bytes(new_network(0, on_backbone=True))
    assert pretrain_parent(place.project, place.ledger, SETTINGS, 2) == made


def test_footage_of_single_frames_teaches_an_encoder_nothing(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.ledger.exclude_video(place.video.video_id, "ann")
    place.ledger.add_video(clip("still", 1), times_us(1))
    with pytest.raises(NotReady, match="two frames and more, and there is none"):
        pretrain_encoder(place.project, place.ledger, SETTINGS, 2)


@pytest.fixture
def with_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a small student, and trainings of depth on small frames."""
    monkeypatch.setattr(depth_network, "LONG_SIDE", 64)
    for name, value in {"BATCH": 2, "STATISTICS_BATCHES": 1}.items():
        monkeypatch.setattr(depth_training, name, value)
    override = tmp_path / "narrow.py"
    override.write_text(NARROW)
    return SETTINGS.changed({"student.override": str(override), "student.device": "cpu"})


def test_depth_is_learnt_from_a_camera_that_moves_and_kept_with_a_card(tmp_path: Path, with_depth: Settings) -> None:
    place = Workplace(tmp_path, clip=travelling_clip(0, n_frames=6, size=(32, 64)))
    told: list[Progress] = []
    made = pretrain_depth(place.project, place.ledger, with_depth, 2, told.append)
    assert (made.kind, made.videos, made.frames, made.steps) == ("depth", 1, 6, 2)
    assert [p.done for p in told] == [1, 2]
    networks = PretrainedNetworks(place.project.pretrained)
    assert load_depth_network(networks.path(made), with_depth.student).focal != [1.0]
    card = networks.card(made).read_text()
    assert "`rtmdet_ins_tiny`; frames are seen at 64 x 32 pixels" in card
    assert "| disks | 6 | 1 |" in card
    assert "(learnt) |" in card
    told.clear()
    assert pretrain_depth(place.project, place.ledger, with_depth, 2, told.append) == made
    assert told == []
    given = pretrain_depth(place.project, place.ledger, with_depth, 1, focal=0.8)
    assert "| 0.80 (given) |" in networks.card(given).read_text()


def test_a_camera_that_stands_is_refused_before_anything_is_trained(place: Workplace, with_depth: Settings) -> None:
    told: list[Progress] = []
    with pytest.raises(NotReady, match="depth is learnt from a camera that moves past what it shows. disks"):
        pretrain_depth(place.project, place.ledger, with_depth, 2, told.append)
    assert told == []
    assert PretrainedNetworks(place.project.pretrained).all() == []


def test_a_first_student_starts_from_the_encoder_of_depth(tmp_path: Path, with_depth: Settings) -> None:
    place = Workplace(tmp_path, clip=travelling_clip(0, n_frames=6, size=(32, 64)))
    settings = with_depth.changed({"student.init_weights": "project"})
    place.ledger.begin_round(settings)
    context = RoundContext(place.project, place.ledger, 1)
    with pytest.raises(BadCheckpoint, match="student.init_weights: .* train it with: fewframes pretrain --depth"):
        starting_checkpoint(context)
    with pytest.raises(BadSettings, match="student.init_weights: it needs what this project learnt of depth"):
        check_weights(settings, place.project)
    made = pretrain_depth(place.project, place.ledger, with_depth, 1)
    assert starting_checkpoint(context) == PretrainedNetworks(place.project.pretrained).path(made)
    check_weights(settings, place.project)


def test_rounds_that_begin_afterwards_use_it_and_the_open_one_does_not(place: Workplace) -> None:
    place.ledger.begin_round(SETTINGS)
    made = pretrain_encoder(place.project, place.ledger, SETTINGS, 2)
    before = RoundContext(place.project, place.ledger, 1)
    assert before.networks_as_inputs == {}
    assert before.propagation == before.settings.propagation
    place.ledger.abandon_round("ann")
    place.ledger.begin_round(SETTINGS)
    after = RoundContext(place.project, place.ledger, 2)
    assert after.networks_as_inputs == {"networks": {"encoder": made.sha256}}
    assert after.propagation.encoder == str(PretrainedNetworks(place.project.pretrained).path(made))
    assert forget(place.project, "encoder")
    place.ledger.abandon_round("ann")
    place.ledger.begin_round(SETTINGS)
    assert RoundContext(place.project, place.ledger, 3).networks_as_inputs == {}
    assert RoundContext(place.project, place.ledger, 2).networks_as_inputs == after.networks_as_inputs


def test_what_is_delivered_and_chosen_goes_by_it(place: Workplace) -> None:
    auto = SETTINGS.changed({"propagation.methods": "auto", "propagation.seconds_per_frame": 1e6})
    labels, kept, masks = [place.label(2), place.label(9)], [], []
    for began in (None, place.ledger.begin_round(auto).started_at):
        pretrain_encoder(place.project, place.ledger, auto, 2)
        context = context_of(place.project, place.ledger, 1, auto, frames=place.frames, began=began)
        choices = choose_propagators(context, labels)
        kept.append({path.name for path in (place.project.cache / "choices").rglob("*.json")})
        propagate_video(context, place.video, labels, None, choice=choices[place.video.video_id])
        masks.append(place.delivered())
    # The choice and each try of it are made again with another encoder.
    assert len(kept[1]) == 2 * len(kept[0]) > 2
    assert len(masks[0]) == len(masks[1]) == 12
