"""Training of the encoder on a toy without labels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadVideo
from al_core.networks import training_loop
from al_core.networks.network_state import to_bytes
from al_core.propagation.affinity import encoder_training as training
from al_core.propagation.affinity.encoder import Encoder, new_encoder, to_lab
from al_core.propagation.affinity.encoder_training import (
    features_of,
    learned_features,
    most_of,
    pairs_of,
    reconstruction_loss,
    trained_encoder,
    trained_on_all,
    training_key,
)
from al_core.propagation.base import Resources
from al_core.records import Progress
from al_core.settings import PropagationSettings
from al_core.stores.disk_cache import DiskCache
from tests.toys.footage.movers import MoverClip, line, mover_clip


@pytest.fixture
def clip() -> MoverClip:
    return mover_clip({1: line((24, 30), (1.5, 0.5))}, size=(64, 80))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CROP", 48)
    monkeypatch.setattr(training_loop, "SAVE_EVERY", 4)


def trained(clip: MoverClip, folder: Path, steps: int = 10, **more: object) -> Encoder:
    return trained_encoder(clip, clip.size, DiskCache(folder, 10**8), steps, **more)  # type: ignore[arg-type]


def loss_of(encoder: Encoder, clip: MoverClip) -> float:
    pairs = pairs_of(clip, clip.size, seed=5)
    target, source = (torch.stack([to_lab(frame) for frame in frames]) for frames in zip(*pairs, strict=True))
    with torch.inference_mode():
        return float(np.mean([float(reconstruction_loss(encoder, target, source, dropped)) for dropped in (1, 2)]))


def test_training_rebuilds_frames_better_than_random_weights(clip: MoverClip, tmp_path: Path) -> None:
    assert loss_of(trained(clip, tmp_path, steps=30), clip) < 0.9 * loss_of(new_encoder(0), clip)


def test_a_frame_is_rebuilt_from_itself_when_features_tell_all_cells_apart() -> None:
    class Unmistakable(Encoder):
        def forward(self, lab: torch.Tensor) -> torch.Tensor:
            height, width = lab.shape[2] // 4, lab.shape[3] // 4
            place = torch.eye(height * width).reshape(1, -1, height, width) * 10
            return place.expand(len(lab), -1, -1, -1)

    frame = torch.rand(1, 3, 32, 32)
    assert reconstruction_loss(Unmistakable(), frame, frame, dropped=1) < 1e-6
    assert reconstruction_loss(Unmistakable(), frame, frame.flip(3), dropped=1) > 0.1


def test_the_encoder_is_not_shown_the_channel_that_it_rebuilds() -> None:
    frame, other = torch.rand(2, 1, 3, 32, 32)
    seen = []

    class Watching(Encoder):
        def forward(self, lab: torch.Tensor) -> torch.Tensor:
            seen.append(lab)
            return super().forward(lab)

    reconstruction_loss(Watching(), frame, other, dropped=2)
    assert seen[0].shape == (2, 3, 32, 32)
    assert seen[0][:, 2].abs().max() == 0
    torch.testing.assert_close(seen[0][:, 1], 1.5 * torch.cat([frame, other])[:, 1])


def test_equal_seeds_give_equal_weights(clip: MoverClip, tmp_path: Path) -> None:
    first, second, other = (trained(clip, tmp_path / str(i), seed=seed) for i, seed in enumerate((1, 1, 2)))
    assert to_bytes(first) == to_bytes(second)
    assert to_bytes(first) != to_bytes(other)


def test_a_killed_training_goes_on_and_ends_as_one_that_was_not(clip: MoverClip, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(progress: Progress) -> None:
        if progress.done == 7:
            raise Killed

    steps_left = []
    with pytest.raises(Killed):
        trained(clip, tmp_path / "killed", on_progress=kill)
    resumed = trained(clip, tmp_path / "killed", on_progress=lambda p: steps_left.append(p.done))
    assert steps_left == [5, 6, 7, 8, 9, 10]
    assert to_bytes(resumed) == to_bytes(trained(clip, tmp_path / "whole"))
    assert [path.suffix for path in (tmp_path / "killed").iterdir()] == [".pt"]


def test_a_trained_encoder_is_taken_from_the_cache_unless_it_is_damaged(clip: MoverClip, tmp_path: Path) -> None:
    first = trained(clip, tmp_path)
    clip.reads.clear()
    assert to_bytes(trained(clip, tmp_path)) == to_bytes(first)
    assert clip.reads == []
    (tmp_path / f"{training_key(clip, clip.size, 10, 0)}.pt").write_bytes(b"damaged")
    assert to_bytes(trained(clip, tmp_path)) == to_bytes(first)


def test_few_frames_of_a_long_clip_are_read(clip: MoverClip) -> None:
    clip.images = clip.images * 50
    pairs_of(clip, clip.size, seed=0)
    assert len(clip.reads) <= 2 * training.MOST_PAIRS


def test_a_clip_of_one_frame_needs_no_training(clip: MoverClip, tmp_path: Path) -> None:
    clip.images = clip.images[:1]
    assert to_bytes(trained(clip, tmp_path)) == to_bytes(new_encoder(0))


def test_one_encoder_learns_on_clips_of_different_sizes(clip: MoverClip, tmp_path: Path) -> None:
    low = mover_clip({1: line((24, 18), (1.5, 0.5))}, size=(40, 80))
    told: list[Progress] = []
    disk = DiskCache(tmp_path, 10**8)
    encoder = trained_on_all([clip, low], 80, disk, 6, on_progress=told.append)
    assert [p.note for p in told[:2]] == ["clip 1 of 2 is read", "clip 2 of 2 is read"]
    assert [p.done for p in told[2:]] == [1, 2, 3, 4, 5, 6]
    assert to_bytes(encoder) != to_bytes(trained(clip, tmp_path, steps=6))
    clip.reads.clear()
    assert to_bytes(trained_on_all([clip, low], 80, disk, 6)) == to_bytes(encoder)
    assert clip.reads == []


def test_one_clip_alone_gives_the_encoder_that_is_trained_on_it(clip: MoverClip, tmp_path: Path) -> None:
    alone = trained_on_all([clip], max(clip.size), DiskCache(tmp_path / "all", 10**8), 6)
    assert to_bytes(alone) == to_bytes(trained(clip, tmp_path / "clip", steps=6))


def test_of_very_many_clips_evenly_spaced_ones_are_learnt_from(clip: MoverClip) -> None:
    others = [mover_clip({1: line((24, 30), (1.0, 0.0))}, size=(64, 80), seed=seed) for seed in (1, 2)]
    clips = [clip, *others] * 50
    chosen = most_of(clips)
    assert len(chosen) == training.MOST_CLIPS
    assert chosen[0] is clips[0]
    assert chosen[-1] is others[1]


def test_without_a_clip_of_two_frames_there_is_nothing_to_learn_from(clip: MoverClip, tmp_path: Path) -> None:
    clip.images = clip.images[:1]
    with pytest.raises(BadVideo, match="two frames and more, got none"):
        trained_on_all([clip], 80, DiskCache(tmp_path, 10**8), 6)


@pytest.mark.parametrize(("backbone", "channels"), [("none", 35), ("efficientnet-lite0", 35 + 64)])
def test_what_a_backbone_sees_is_put_beside_what_was_learnt(
    backbone: str, channels: int, clip: MoverClip, tmp_path: Path
) -> None:
    settings = PropagationSettings(encoder_steps=0, backbone=backbone)
    describe = features_of(Resources(settings, tmp_path))(clip, clip.size)
    learnt = learned_features(Resources(settings, tmp_path))(clip, clip.size)
    assert describe(clip.read(0)).shape == (channels, 16, 20)
    assert torch.equal(describe(clip.read(0))[:35], learnt(clip.read(0)))
