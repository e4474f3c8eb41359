"""What a walk of SAM 2 remembers, with weights drawn at random."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from al_core.networks.segment_anything import SegmentAnything, load_network
from tests.toys.models.tiny_sam import SIDE, tiny_sam

pytest.importorskip("transformers", reason="the extra sam is not installed")

N_FRAMES = 24
MARKS = {0: [True, True], 23: [True, False]}
"""The human frames, and which of two objects is to be seen in them."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SegmentAnything:
    return load_network(str(tiny_sam(tmp_path_factory.mktemp("weights"))), "video")


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.randn(N_FRAMES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def condition(model: SegmentAnything, session, after: Callable[[int], None]) -> None:
    for mark, seen in MARKS.items():
        for number, there in enumerate(seen):
            mask = torch.zeros(1, 1, SIDE, SIDE)
            mask[..., 20 + 40 * number : 60 + 40 * number, 20:60] = float(there)
            session.add_mask_inputs(session.obj_id_to_idx(number), mark, mask)
        session.obj_with_new_inputs = [0, 1]
        model.network(session, frame_idx=mark)
        after(mark)


def between(reverse: bool) -> range:
    return range(N_FRAMES - 2, 0, -1) if reverse else range(1, N_FRAMES - 1)


def unpruned(model: SegmentAnything, pictures: Tensor, reverse: bool) -> Iterator[Tensor]:
    """As the package itself does it: all frames are there, nothing is forgotten."""
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    session = Sam2VideoInferenceSession(pictures, SIDE, SIDE, dtype=torch.float32)
    condition(model, session, lambda _: None)
    for i in between(reverse):
        yield model.network(session, frame_idx=i, reverse=reverse).pred_masks.clone()


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_forgotten_has_no_influence(model: SegmentAnything, pictures: Tensor, reverse: bool) -> None:
    from al_core.propagation.sam2.pruned_session import FrameFeatures, PrunedSession

    features = FrameFeatures(0)
    session = PrunedSession(model, N_FRAMES, lambda i: pictures[i], features)
    condition(model, session, session.prune)
    before = None
    for i, expected in zip(between(reverse), unpruned(model, pictures, reverse), strict=True):
        found = model.network(session, frame_idx=i, reverse=reverse).pred_masks
        session.prune(i)
        assert torch.equal(found, expected)
        # Each frame is its own, or nothing would be proven.
        assert before is None or not torch.equal(found, before)
        before = found
    for outputs in session.output_dict_per_obj.values():
        assert len(outputs["cond_frame_outputs"]) == 2
        assert len(outputs["non_cond_frame_outputs"]) == 16
        assert sum("maskmem_features" in o for o in outputs["non_cond_frame_outputs"].values()) == 7
    assert session.processed_frames is None
    assert features.n_bytes == 0


def test_features_are_kept_up_to_a_limit_and_the_last_ones_in_any_case() -> None:
    from al_core.propagation.sam2.pruned_session import FrameFeatures

    def seen(i: int) -> dict[str, list[Tensor]]:
        return {
            "vision_feats": [torch.full((10,), float(i)), torch.zeros(15)],
            "vision_pos_embeds": [torch.zeros(1000), torch.ones(1)],
        }

    features = FrameFeatures(250)
    for i in range(4):
        features.cache_vision_features(i, seen(i))
        assert features.n_bytes <= 250
    assert [features.get_vision_features(i) is not None for i in range(4)] == [False, False, True, True]
    found = features.get_vision_features(2)
    assert found is not None
    assert found["vision_feats"][0].unique().item() == 2
    assert found["vision_pos_embeds"][-1].tolist() == [1]
    small = FrameFeatures(10)
    small.cache_vision_features(7, seen(7))
    assert small.get_vision_features(7) is not None
    assert small.n_bytes == 0
