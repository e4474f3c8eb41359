"""Cutie, for people who have its weights (Cheng et al.: "Putting the Object Back into Video Object Segmentation", CVPR
2024; package ``rf-cutie``, MIT).

Its memory begins with the human frames around, which it never forgets, and grows by a frame now and then; what is old
is condensed to a bounded number of tokens. A clip is walked from the human frame before and from the one after, and the
two results are blended by distance.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from al_core.errors import BadCheckpoint, MissingDependency
from al_core.footage.clips import ClipFrames
from al_core.footage.images import working_size
from al_core.masks.soft import NOTHING, Size, Window
from al_core.propagation.base import Labels, PropagatedFrame
from al_core.propagation.labelled_clip import Reader, check_labels, patches_at, reader
from al_core.propagation.walks import Found, Run, walked
from al_core.settings import PropagationSettings

BEYOND = 1
"""Human frames that are remembered on the side that a walk comes from, beyond the nearest one."""

MEMORY = {
    "mem_every": 5,
    "use_long_term": True,
    "stagger_updates": 5,
    "chunk_size": 4,
    "flip_aug": False,
    "save_aux": False,
    "max_internal_size": -1,
    "max_mem_frames": 5,
    "long_term": {
        "count_usage": True,
        "max_mem_frames": 10,
        "min_mem_frames": 5,
        "num_prototypes": 128,
        "max_num_tokens": 10_000,
        "buffer_tokens": 2_000,
    },
}
"""The package's own settings for long videos; four objects at a time bound the memory of crowded frames."""

TOP_K = 30
"""Tokens of the memory that a token reads from."""

CELL = 16
"""Pixels of a token's side."""


class CutiePropagator:
    """Propagation with Cutie's network, from the file of weights that ``settings.cutie_weights`` names.

    Raises:
        MissingDependency: the package or the weights are not there.
        BadCheckpoint: the file holds no weights of Cutie.
    """

    def __init__(self, settings: PropagationSettings) -> None:
        self._long_side = settings.flow_long_side
        self._network, self._config = load_network(settings.cutie_weights)

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order, the longer side ``flow_long_side`` pixels (see :class:`Propagator`).

        Memory: the network's, at most 10,000 tokens; masks of the walk backward wait in a temporary file.
        """
        check_labels(frames, labels)
        size = working_size(*frames.size, self._long_side)
        read = reader(frames, size)

        def walk(tracks: Sequence[int]) -> Run:
            return _Walk(self._network, self._config, read, labels, size, tracks).run

        yield from walked(frames.n_frames, labels, size, walk)


@dataclass(frozen=True, eq=False)
class _Walk:
    """Walks from one human frame towards the next one, looking for ``tracks``, in the order of the masks' channels."""

    network: Any
    config: dict[str, Any]
    read: Reader
    labels: Labels
    size: Size
    tracks: Sequence[int]

    def run(self, source: int, order: range, opposite: int) -> Iterator[Found]:
        """Yield the masks in the frames of ``order``, the first of which is next to the human frame ``source``."""
        from cutie.inference.inference_core import InferenceCore
        from omegaconf import OmegaConf

        tokens = -(-self.size[0] // CELL) * -(-self.size[1] // CELL)
        config = OmegaConf.create(self.config | {"top_k": min(TOP_K, tokens)})
        core = InferenceCore(self.network, cfg=config)
        for mark in self._remembered(source, order.step, opposite):
            self._step(core, mark, self._masks(mark))
        for i in order:
            found = self._step(core, i, None)[1:]
            yield Found((found * 255).round().to(torch.uint8).cpu().numpy())

    def _remembered(self, source: int, step: int, opposite: int) -> list[int]:
        """Return human frames to remember, the nearest one last: the walk continues from it."""
        behind = sorted((m for m in self.labels if (source - m) * step > 0), key=lambda m: abs(source - m))[:BEYOND]
        marks = [*([opposite] if opposite in self.labels else []), *behind[::-1]]
        return [m for m in marks if self._masks(m).any()] + [source]

    def _masks(self, mark: int) -> Tensor:
        """Return the masks of a human frame, float32 [tracks, h, w]; empty for an object that is not to be seen."""
        patches, whole = patches_at(self.labels[mark], self.size), Window(0, 0, *self.size[::-1])
        return torch.from_numpy(np.stack([patches.get(t, NOTHING).on(whole) for t in self.tracks]))

    def _step(self, core: Any, frame_idx: int, masks: Tensor | None) -> Tensor:
        device = next(self.network.parameters()).device
        image = torch.from_numpy(self.read(frame_idx)).permute(2, 0, 1).float().div(255).to(device)
        with torch.inference_mode():
            if masks is None:
                found: Tensor = core.step(image)
                return found
            objects = list(range(1, len(self.tracks) + 1))
            return core.step(image, masks.to(device), objects, idx_mask=False, force_permanent=True)


def load_network(weights: str) -> tuple[Any, dict[str, Any]]:
    """Load Cutie's network, base or small, with weights from a file, and return it with its settings.

    Raises:
        MissingDependency: the package or the file is not there.
        BadCheckpoint: the file holds something else.
    """
    try:
        from cutie.model.cutie import CUTIE
        from omegaconf import OmegaConf
    except ImportError as error:
        raise MissingDependency(
            f"the propagator cutie needs the package rf-cutie ({error}): pip install 'fewframes[cutie]'"
        ) from None
    path = Path(weights)
    if not weights or not path.is_file():
        gone = f"{weights} is not there" if weights else "propagation.cutie_weights is empty"
        raise MissingDependency(
            f"the propagator cutie needs its weights, and {gone}: get cutie-base-mega.pth or cutie-small-mega.pth from "
            "the releases of the Cutie project, and set propagation.cutie_weights to the file"
        )
    state = _read(path)
    config = _config("base" if "pixel_encoder.layer2.0.conv3.weight" in state else "small")
    with _without_downloads():
        network = CUTIE(OmegaConf.create(config))
    try:
        network.load_weights(dict(state))
    except (RuntimeError, KeyError) as error:
        raise BadCheckpoint(f"{path}: does not fit Cutie ({str(error)[:200]})") from None
    # The package passes over what is missing.
    missing = sorted(network.state_dict().keys() - state.keys())
    if missing:
        raise BadCheckpoint(f"{path}: does not fit Cutie: {len(missing)} weights are missing, e.g. {missing[0]}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return network.to(device).eval(), config


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise BadCheckpoint(f"{path}: cannot be read as weights ({error})") from None
    if not isinstance(state, dict) or "mask_encoder.conv1.weight" not in state:
        raise BadCheckpoint(f"{path}: expected the weights of Cutie, as its project publishes them")
    return state


def _config(size: str) -> dict[str, Any]:
    from omegaconf import OmegaConf

    folder = files("cutie") / "config" / "model"
    model: Any = OmegaConf.create((folder / "base.yaml").read_text(encoding="utf-8"))
    if size == "small":
        small: Any = OmegaConf.create((folder / "small.yaml").read_text(encoding="utf-8"))
        small.pop("defaults", None)
        model = OmegaConf.merge(model, small)
    return {**MEMORY, "top_k": TOP_K, "model": OmegaConf.to_container(model, resolve=False)}


@contextmanager
def _without_downloads() -> Iterator[None]:
    """Give the network no ImageNet weights: it would fetch them when it is made, only to have them replaced."""
    from unittest.mock import patch

    from cutie.model.utils import resnet

    with (
        patch.object(resnet.model_zoo, "load_url", lambda *_, **__: {}),
        patch.object(resnet, "load_weights_add_extra_dim", lambda *_, **__: None),
    ):
        yield
