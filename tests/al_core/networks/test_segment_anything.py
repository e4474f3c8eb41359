"""Weights of SAM 2 from a folder, drawn at random: what is read and refused, not how good it is."""

import json
import shutil
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint, MissingDependency
from al_core.networks.segment_anything import FAMILIES, load_network, shared_network
from tests.toys.models.tiny_sam import SIDE, tiny_sam

pytest.importorskip("transformers", reason="the extra sam is not installed")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sam(tmp_path_factory.mktemp("weights"))


def changed(weights: Path, folder: Path, **config: object) -> Path:
    """A copy of the folder with other values in config.json."""
    shutil.copytree(weights, folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return folder


def test_one_folder_serves_frames_and_videos_and_nothing_is_fetched(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for purpose, name in (("image", "Sam2Model"), ("video", "Sam2VideoModel")):
        found = load_network(str(weights), purpose)
        assert type(found.network).__name__ == name
        assert not found.network.training
        assert found.side == SIDE


def test_sam_3_is_known_by_its_model_type(tmp_path: Path) -> None:
    folder = str(tiny_sam(tmp_path, "sam3_tracker_video"))
    assert type(load_network(folder, "image").network).__name__ == "Sam3TrackerModel"
    video = load_network(folder, "video")
    assert type(video.network).__name__ == "Sam3TrackerVideoModel"
    assert video.picture(np.full((4, 6, 3), 255, np.uint8)).unique().tolist() == [1.0]


def test_a_folder_of_all_of_sam_3_gives_its_tracker(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tracker = tiny_sam(tmp_path / "tracker", "sam3_tracker_video")
    state, config = load_file(tracker / "model.safetensors"), json.loads((tracker / "config.json").read_text())

    def published(name: str) -> str:
        name = name.removeprefix("tracker_model.")
        return name if name.startswith(("detector_model.", "tracker_neck.")) else f"tracker_model.{name}"

    whole = tmp_path / "whole"
    whole.mkdir()
    save_file({published(n): w for n, w in state.items()}, whole / "model.safetensors", metadata={"format": "pt"})
    (whole / "config.json").write_text(json.dumps({"model_type": "sam3_video", "tracker_config": config}))
    for purpose in ("image", "video"):
        found, alone = (load_network(str(folder), purpose).network.state_dict() for folder in (whole, tracker))
        assert found.keys() == alone.keys()
        assert all(torch.equal(found[name], alone[name]) for name in found)


def test_a_picture_becomes_a_square_of_normalised_colours(weights: Path) -> None:
    found = load_network(str(weights), "image")
    image = np.zeros((2, 4, 3), np.uint8)
    image[:, 2:, 0] = 255
    squared = found.picture(image)
    assert squared.shape == (3, SIDE, SIDE)
    assert squared[0, 0, -1].item() == pytest.approx((1 - 0.485) / 0.229)
    assert squared[0, 0, 0].item() == pytest.approx(-0.485 / 0.229)
    assert squared[2].unique().numpy() == pytest.approx(-0.406 / 0.225)


def test_a_mask_keeps_what_is_thin_and_stays_empty_where_it_is(weights: Path) -> None:
    found = load_network(str(weights), "video")
    half = np.zeros((8, 8), bool)
    half[:4] = True
    square = found.mask(half)[0, 0]
    assert square.shape == (SIDE, SIDE)
    assert torch.equal(square.mean(dim=1), (torch.arange(SIDE) < SIDE // 2).float())
    thread = np.zeros((1024, 1024), bool)
    thread[500, 500] = True
    assert found.mask(thread).sum() == 1
    assert found.mask(np.zeros((5, 5), bool)).sum() == 0


def test_the_network_is_read_again_only_when_its_files_change(weights: Path, tmp_path: Path) -> None:
    folder = changed(weights, tmp_path / "copy")
    first = shared_network(str(folder), "video")
    assert shared_network(str(folder), "video") is first
    (folder / "notes.txt").write_text("another")
    assert shared_network(str(folder), "video") is not first
    shutil.rmtree(folder)
    with pytest.raises(MissingDependency, match="is no folder"):
        shared_network(str(folder), "video")


@pytest.mark.parametrize(("given", "gone"), [("", "propagation.sam_weights is empty"), ("nowhere", "is no folder")])
def test_missing_weights_say_which_files_and_which_licence(given: str, gone: str) -> None:
    with pytest.raises(MissingDependency, match=gone) as told:
        load_network(given, "video")
    message = str(told.value)
    assert "\n" not in message
    for part in ("config.json and model.safetensors", "facebook/sam2.1-hiera-tiny", "Apache-2.0", "SAM License"):
        assert part in message


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "got 'bert'"),
        (lambda folder: (folder / "model.safetensors").unlink(), "there is no model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no weights"), "does not fit Sam2VideoModel"),
    ],
)
def test_other_folders_are_refused(weights: Path, tmp_path: Path, damage, message: str) -> None:
    folder = changed(weights, tmp_path / "copy")
    damage(folder)
    with pytest.raises(BadCheckpoint, match=message) as told:
        load_network(str(folder), "video")
    assert "\n" not in str(told.value)


def test_weights_of_another_shape_and_missing_ones_are_refused(weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    with pytest.raises(BadCheckpoint, match="does not fit Sam2VideoModel"):
        load_network(str(changed(weights, tmp_path / "other", memory_fuser_intermediate_dim=48)), "video")
    folder = changed(weights, tmp_path / "part")
    state = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in state.items() if not name.startswith("memory_encoder")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match=r"\d+ weights are missing, e.g. memory_encoder"):
        load_network(str(folder), "video")
    assert load_network(str(folder), "image").side == SIDE


def test_a_missing_package_says_how_to_install_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependency, match=r"pip install 'fewframes\[sam\]'"):
        load_network(str(weights), "video")


def test_every_kind_of_weights_has_a_network_for_each_purpose() -> None:
    import transformers

    for family in FAMILIES.values():
        assert hasattr(transformers, family.network("image"))
        assert hasattr(transformers, family.network("video"))
