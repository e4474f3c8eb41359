"""What arms know of depth: how near the frames of a pool are, and an encoder to start from."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.depth.camera_motion import flow_between, nearness_by_motion
from al_core.depth.depth_network import DepthNetwork, load_depth_network
from al_core.depth.depth_training import lesson_of, trained_depth
from al_core.files import replaced
from al_core.footage.clips import ClipFrames
from al_core.networks.network_state import to_bytes
from al_core.records import FrameRef
from al_core.settings import StudentSettings
from al_core.stores.disk_cache import DiskCache
from al_core.students.semi.mixing import Nearness

MOTION = "flow"
"""Mixes as "depth" does, by how much things move instead of a network that learnt depth."""


@dataclass(frozen=True)
class DepthArms:
    """Depth of the clips of a pool.

    Attributes:
        clips: by the number that their frames have as their video.
        folder: where the network of a seed is kept.
    """

    clips: Mapping[int, ClipFrames]
    student: StudentSettings
    folder: Path
    steps: int

    def encoder(self, seed: int) -> Path:
        """Return the file of the network that learnt on the pool, now or before."""
        path = self.folder / f"depth-{seed}-{self.steps}.pt"
        if not path.is_file():
            started = time.process_time()
            lesson = lesson_of(list(self.clips.values()), [str(number) for number in self.clips])
            made = trained_depth(lesson, self.student, DiskCache(self.folder / "cache", 10**9), self.steps, seed)
            with replaced(path) as unfinished:
                unfinished.write_bytes(to_bytes(made))
            print(f"depth of seed {seed}: {time.process_time() - started:.0f} s; {lesson.left_out or 'all clips move'}")
        return path

    def nearness(self, mix: str, seed: int) -> Nearness | None:
        """Return how near what frames show is, where a way to mix needs it: "depth", or :data:`MOTION`."""
        if mix == MOTION:
            return Nearness(MOTION, self._by_motion)
        if mix != "depth":
            return None
        network = load_depth_network(self.encoder(seed), self.student)
        return Nearness(f"{seed}-{self.steps}", lambda frame: self._learnt(network, frame))

    def _learnt(self, network: DepthNetwork, frame: FrameRef) -> NDArray[np.float32]:
        return network.nearness(self.clips[frame.video_id].read(frame.frame_idx))

    def _by_motion(self, frame: FrameRef) -> NDArray[np.float32]:
        clip, i = self.clips[frame.video_id], frame.frame_idx
        return nearness_by_motion(flow_between(clip.read(i), clip.read(i + 1 if i + 1 < clip.n_frames else i - 1)))
