"""Runs of propagators on clips, each made once and kept: what is learnt from them can be tried again in seconds."""

import pickle
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from al_core.files import replaced
from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.footage.clips import ClipFrames
from al_core.fusion.combination import propagations
from al_core.fusion.pairing import Propagated
from al_core.propagation import Resources
from al_core.propagation.base import Labels, PropagatedFrame
from al_core.propagation.specialist.specialist import FORMAT

_FORMAT = "run1"


@dataclass(frozen=True)
class RecordedRuns:
    """What propagators made, in a folder that may be shared.

    Attributes:
        only_read: a run that is not there is an error.
    """

    folder: Path
    only_read: bool = False

    def __call__(
        self, methods: Sequence[str], resources: Resources, frames: ClipFrames, labels: Labels
    ) -> dict[str, Propagated]:
        """Return what each of the named propagators makes of a clip, by name; made now where it is not there."""
        return {name: partial(self._frames, name, resources, frames, labels) for name in methods}

    def seconds(self, name: str, resources: Resources, frames: ClipFrames, labels: Labels) -> float:
        """Return how many processor seconds a run took."""
        return self._kept(name, resources, frames, labels)[0]

    def _frames(self, name: str, resources: Resources, frames: ClipFrames, labels: Labels):
        return iter(self._kept(name, resources, frames, labels)[1])

    def _kept(
        self, name: str, resources: Resources, frames: ClipFrames, labels: Labels
    ) -> tuple[float, list[PropagatedFrame]]:
        path = self.folder / f"{key_of(name, resources, frames, labels)}.run"
        if path.exists():
            return pickle.loads(zlib.decompress(path.read_bytes()))
        if self.only_read:
            raise FileNotFoundError(f"{name} on {frames.n_frames} frames with labels {sorted(labels)}: {path}")
        started = time.process_time()
        (source,) = propagations([name], resources, frames, labels).values()
        wanted = resources.wanted
        found = [f for f in source() if wanted is None or f.frame_idx in wanted]
        kept = (time.process_time() - started, found)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replaced(path) as part:
            part.write_bytes(zlib.compress(pickle.dumps(kept, pickle.HIGHEST_PROTOCOL), 6))
        return kept


def key_of(name: str, resources: Resources, frames: ClipFrames, labels: Labels) -> str:
    """Return what tells runs apart."""
    masks = [
        [mark, track, list(mask.shape), np.packbits(mask).tobytes().hex()]
        for mark in sorted(labels)
        for track, mask in sorted(labels[mark].items())
    ]
    s = resources.settings
    encoder = [fingerprint_file(Path(s.encoder)) if s.encoder else "", s.encoder_steps]
    parent = fingerprint_file(Path(s.parent)) if s.parent else ""
    network = [FORMAT, parent, s.specialist_steps, s.backbone, resources.trial]
    learnt = {"affinity": [encoder, s.backbone], "specialist": [network]}.get(name)
    settings = [s.flow_long_side, s.flow_preset, learnt, resources.seed, list(resources.shots.cuts)]
    wanted = None if resources.wanted is None else sorted(resources.wanted)
    return fingerprint([_FORMAT, name, frames.sha256, masks, sorted(labels), settings, wanted])[:32]
