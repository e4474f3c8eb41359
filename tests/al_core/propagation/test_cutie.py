"""Cutie on a clip of 12 frames, with weights drawn at random: what is read, kept and handed on, not how good it is."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint, MissingDependency
from al_core.propagation import Resources, build
from al_core.settings import PropagationSettings
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import synthetic_clip

pytest.importorskip("cutie", reason="the extra cutie is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as Cutie's project publishes it, of the small network."""
    from cutie.model.cutie import CUTIE
    from omegaconf import OmegaConf

    from al_core.propagation.cutie import _config, _without_downloads

    torch.manual_seed(0)
    with _without_downloads():
        network = CUTIE(OmegaConf.create(_config("small")))
    path = tmp_path_factory.mktemp("weights") / "cutie-small.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def clip() -> MoverClip:
    return synthetic_clip(0, n_frames=12, objects=2)


@pytest.fixture(scope="module")
def propagator(weights: Path, tmp_path_factory: pytest.TempPathFactory):
    settings = PropagationSettings(cutie_weights=str(weights), flow_long_side=64)
    return build("cutie", Resources(settings, tmp_path_factory.mktemp("cache")))


def test_human_frames_stay_as_they_are_and_others_get_masks(propagator, clip: MoverClip) -> None:
    frames = list(propagator.propagate(clip, {i: clip.truth[i] for i in (0, 11)}))
    assert [f.frame_idx for f in frames] == list(range(12))
    for i in (0, 11):
        assert all(track.confidence == 1 for track in frames[i].tracks.values())
        assert set(frames[i].tracks) == set(clip.truth[i])
    for frame in frames[1:11]:
        assert set(frame.tracks) <= {1, 2}
        shown = [t.mask.full() for t in frame.tracks.values()]
        assert all(mask.shape == (48, 64) or max(mask.shape) == 64 for mask in shown)
        assert sum(shown, np.zeros(shown[0].shape)).max() <= 1.02 if shown else True


def test_the_same_labels_give_the_same_masks(propagator, clip: MoverClip) -> None:
    def masks() -> Iterator[np.ndarray]:
        for frame in propagator.propagate(clip, {0: clip.truth[0]}):
            yield from (track.mask.full() for _, track in sorted(frame.tracks.items()))

    for first, second in zip(masks(), masks(), strict=True):
        assert np.array_equal(first, second)


def test_an_object_that_a_person_did_not_see_is_remembered_as_absent(propagator, clip: MoverClip) -> None:
    labels = {0: clip.truth[0], 6: {1: clip.truth[6][1]}, 11: {}}
    frames = list(propagator.propagate(clip, labels))
    assert set(frames[6].tracks) == {1}
    assert frames[11].tracks == {}


def test_nothing_to_follow(propagator, clip: MoverClip) -> None:
    assert all(not frame.tracks for frame in propagator.propagate(clip, {}))
    assert all(not frame.tracks for frame in propagator.propagate(clip, {3: {}}))


def test_frames_are_read_a_bounded_number_of_times(propagator, clip: MoverClip) -> None:
    clip.reads.clear()
    list(propagator.propagate(clip, {0: clip.truth[0]}))
    assert len(clip.reads) <= 12


def test_memory_of_the_network_is_bounded(weights: Path) -> None:
    """However long the walk, old frames are condensed."""
    from cutie.inference.inference_core import InferenceCore
    from omegaconf import OmegaConf

    from al_core.propagation.cutie import load_network

    network, config = load_network(str(weights))
    small = config | {"mem_every": 1, "top_k": 4}
    small["long_term"] = small["long_term"] | {"max_mem_frames": 3, "min_mem_frames": 2, "num_prototypes": 4,
                                               "max_num_tokens": 40, "buffer_tokens": 8}  # fmt: skip
    core = InferenceCore(network, cfg=OmegaConf.create(small))
    image, mask = torch.rand(3, 64, 64), torch.zeros(1, 64, 64)
    mask[:, 16:48, 16:48] = 1
    sizes = []
    with torch.inference_mode():
        core.step(image, mask, [1], idx_mask=False, force_permanent=True)
        for _ in range(40):
            core.step(image)
            sizes.append(sum(k.shape[-1] for m in (core.memory.work_mem, core.memory.long_mem) for k in m.key.values()))
    assert max(sizes[20:]) <= max(sizes[:20])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("", MissingDependency, "cutie_weights is empty: get cutie-base-mega.pth"),
        ("nowhere.pth", MissingDependency, "nowhere.pth is not there"),
    ],
)
def test_missing_weights_say_where_to_get_them(tmp_path: Path, given: str, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        build("cutie", Resources(PropagationSettings(cutie_weights=given), tmp_path))


@pytest.mark.parametrize("content", [b"", b"no weights", {"layer": torch.zeros(3)}])
def test_other_files_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(BadCheckpoint, match="weights"):
        build("cutie", Resources(PropagationSettings(cutie_weights=str(path)), tmp_path))


def test_weights_of_another_shape_are_refused(weights: Path, tmp_path: Path) -> None:
    state = torch.load(weights, weights_only=True)
    state.pop(next(k for k in state if k.startswith("key_proj")))
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(BadCheckpoint, match="does not fit Cutie"):
        build("cutie", Resources(PropagationSettings(cutie_weights=str(tmp_path / "part.pth")), tmp_path))


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cutie.model.cutie", None)
    with pytest.raises(MissingDependency, match=r"pip install 'fewframes\[cutie\]'"):
        build("cutie", Resources(PropagationSettings(), tmp_path))
