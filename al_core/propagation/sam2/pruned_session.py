"""What a walk of SAM 2 remembers: the human frames and what the network looks back to, however long the walk is.

The package's session keeps every frame and all that was found in it. Import this only where ``transformers`` may be
imported.
"""

from collections.abc import Callable
from typing import Any

import torch
from cachetools import LRUCache
from torch import Tensor
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

from al_core.networks.segment_anything import SegmentAnything


class FrameFeatures:
    """What the network sees in frames, the least recently used first to go; walks may share it.

    Args:
        max_bytes: that may be kept; the last frame is kept in any case.
    """

    def __init__(self, max_bytes: int) -> None:
        self._kept: LRUCache[int, list[Tensor]] = LRUCache(max_bytes, getsizeof=_n_bytes)
        self._last: tuple[int, list[Tensor]] | None = None
        self._positions: list[Tensor] = []

    @property
    def n_bytes(self) -> int:
        """Bytes that are kept, besides the last frame."""
        return int(self._kept.currsize)

    def get_vision_features(self, frame_idx: int) -> dict[str, list[Tensor]] | None:
        """Return the features of a frame as the network takes them, None where they are not kept."""
        if self._last is not None and self._last[0] == frame_idx:
            features = self._last[1]
        elif frame_idx in self._kept:
            features = self._kept[frame_idx]
        else:
            return None
        return {"vision_feats": features, "vision_pos_embeds": self._positions}

    def cache_vision_features(self, frame_idx: int, features: dict[str, Any]) -> None:
        """Keep the features of a frame. Positions are the same in each, and only the coarsest are asked for."""
        self._positions = self._positions or [features["vision_pos_embeds"][-1]]
        seen = list(features["vision_feats"])
        self._last = (frame_idx, seen)
        if _n_bytes(seen) <= self._kept.maxsize:
            self._kept[frame_idx] = seen


class PrunedSession(Sam2VideoInferenceSession):
    """A session that reads frames when it needs them, and forgets what has no influence any more.

    Args:
        n_frames: of the clip. The package counts the frames that it was given, and looks back less far where these are
            few.
        read: gives a frame as the network sees it, float32 [3, side, side].
        features: of frames, perhaps of another walk.
    """

    def __init__(
        self, model: SegmentAnything, n_frames: int, read: Callable[[int], Tensor], features: FrameFeatures
    ) -> None:
        device = model.device
        super().__init__(
            video_height=model.side,
            video_width=model.side,
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=torch.float32,
        )
        self.cache = features
        self._n_frames = n_frames
        self._read = read
        self._memories = int(model.network.config.num_maskmem)
        self._pointers = int(model.network.config.max_object_pointers_in_encoder)

    @property
    def num_frames(self) -> int:
        """Number of frames of the clip."""
        return self._n_frames

    def get_frame(self, frame_idx: int) -> Tensor:
        """Read a frame."""
        return self._read(frame_idx)

    def prune(self, frame_idx: int) -> None:
        """Forget what no frame after ``frame_idx`` looks at, on the way that the walk goes."""
        for number, outputs in self.output_dict_per_obj.items():
            self.mask_inputs_per_obj[number].clear()
            self.frames_tracked_per_obj[number].clear()
            found = outputs["non_cond_frame_outputs"]
            for seen in [i for i in found if abs(frame_idx - i) >= max(self._memories, self._pointers)]:
                del found[seen]
            for kept in (outputs["cond_frame_outputs"], found):
                for output in kept.values():
                    output.pop("high_res_masks", None)
            for seen, output in found.items():
                output.pop("pred_masks", None)
                if abs(frame_idx - seen) >= self._memories:
                    output.pop("maskmem_features", None)
                    output.pop("maskmem_pos_enc", None)


def _n_bytes(features: list[Tensor]) -> int:
    return sum(part.nbytes for part in features)
