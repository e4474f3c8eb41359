"""The sets on which strategies are compared: single clips, a pool of clips, and long footage.

- **single**: every clip is a campaign of its own.
- **pool**: all clips are one campaign with one budget, so that a strategy has to find out which of them need it.
- **long**: every clip is made into long footage, a campaign of its own.

**How long footage is made.** There is little public long footage of which every frame has a true mask, so it is made
from clips, by a rule that knows nothing of masks or strategies. *Bursts* show the clip's own motion: it is played on
from where it stood, forward or backward, turning round at its ends, sometimes skipping every second frame. Between
them are *quiet stretches*: the frame that was reached is held, or the clip goes on slowly, each frame being shown
several times, or, for a camera that stands still, the scene is empty (the median of the clip's frames where no object
covers them). Except into and out of an empty scene there is no cut. Fresh noise of about a grey level is added to
every frame, as a sensor does, so that held frames are alike but not the same. What this footage does not have: new
objects, changing light, and motion other than the clip's; a burst that comes again shows what was seen before, so a
label helps further here than in footage that never repeats.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from al_core.errors import BadSettings
from al_core.footage.clips import EMPTY, Clip, Footage, RearrangedClip, Stretch
from al_core.settings import Table

QUIET_SHARE = 0.7
"""Share of long footage in which little or nothing moves."""

NOISE = 1.5
"""Grey levels."""

BURST = (10, 40)
"""Fewest and most frames of a burst."""

SLOW = 6
"""How often a frame is shown where a clip goes on slowly."""

STILL_LEVELS, STILL_SHARE = 12.0, 0.9
"""A camera stands still when at least this share of the pixels differs by no more than this many levels of grey."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Footage of one campaign."""

    set_name: str
    name: str
    videos: tuple[Footage, ...]


def trials(
    clips: Sequence[Clip], sets: Iterable[str], long_frames: int = 600, seed: int = 0, noise: float = NOISE
) -> list[Trial]:
    """Return the campaigns of some sets, in the order of ``sets``.

    Args:
        long_frames: length of long footage.
        seed: of long footage; it is the same for all strategies and seeds of a campaign.

    Raises:
        UnknownName: there is no such set.
    """
    return [trial for name in sets for trial in SETS[name](clips, long_frames, seed, noise)]


def _single(clips: Sequence[Clip], long_frames: int, seed: int, noise: float) -> list[Trial]:
    return [Trial("single", clip.name, (clip,)) for clip in clips]


def _pool(clips: Sequence[Clip], long_frames: int, seed: int, noise: float) -> list[Trial]:
    return [Trial("pool", "pool", tuple(clips))]


def _long(clips: Sequence[Clip], long_frames: int, seed: int, noise: float) -> list[Trial]:
    views = [long_view(clip, long_frames, seed, noise=noise, empty=camera_stands_still(clip)) for clip in clips]
    return [Trial("long", view.name, (view,)) for view in views]


SETS: Table[Callable[[Sequence[Clip], int, int, float], list[Trial]]] = Table(
    "set", {"single": _single, "pool": _pool, "long": _long}
)
"""(clips, length of long footage, its seed, its noise) -> the campaigns of a set."""


def long_view(
    clip: Clip, n_frames: int, seed: int, quiet_share: float = QUIET_SHARE, noise: float = NOISE, empty: bool = False
) -> RearrangedClip:
    """Make long footage from a clip; the top of this module describes how.

    Args:
        quiet_share: of the frames, about, at least 0 and below 1.
        empty: quiet stretches may show the scene without objects; only for a camera that stands still.

    Raises:
        BadSettings: no frames, or another share.
    """
    if n_frames < 1 or not 0 <= quiet_share < 1:
        raise BadSettings(f"long footage has frames, and quiet ones below 100 %, got {n_frames} and {quiet_share}")
    rng = np.random.default_rng(seed)
    kinds = ("hold", "slow", "empty") if empty else ("hold", "slow")
    walk = _Walk(clip.n_frames)
    index: list[int] = []
    stretches: list[Stretch] = []
    while len(index) < n_frames:
        length, step = int(rng.integers(*BURST, endpoint=True)), 2 if rng.random() < 0.3 else 1
        stretches.append(Stretch("play" if step == 1 else "fast", len(index)))
        index += walk.on(length, step)
        quiet = round(length * quiet_share / (1 - quiet_share) * rng.uniform(0.5, 1.5))
        kind = kinds[rng.integers(len(kinds))]
        if not quiet or len(index) >= n_frames:
            continue
        stretches.append(Stretch(kind, len(index)))
        if kind == "slow":
            index += [i for i in walk.on(-(-quiet // SLOW), 1) for _ in range(SLOW)][:quiet]
        else:
            index += [EMPTY if kind == "empty" else walk.position] * quiet
    name = f"{clip.name}-long"
    return RearrangedClip(clip, name, tuple(index[:n_frames]), noise, seed, tuple(stretches))


def camera_stands_still(clip: Clip) -> bool:
    """Tell whether the frames look as the empty scene does away from the objects."""
    spread = np.linspace(0, clip.n_frames - 1, 9).round().astype(int).tolist()
    differing = [_share_of_change(clip, i) for i in set(spread) & set(clip.truth_frames)]
    return max(differing, default=1.0) < 1 - STILL_SHARE


def _share_of_change(clip: Clip, frame_idx: int) -> float:
    """Share of the pixels outside all objects that differ from the empty scene."""
    apart = np.abs(clip.read(frame_idx).astype(np.float32) - clip.background).max(axis=-1) > STILL_LEVELS
    ignored = clip.ignore(frame_idx)
    covered = np.zeros(clip.size, bool) if ignored is None else ignored.copy()
    for mask in clip.truth(frame_idx).values():
        covered |= mask
    return float(apart[~covered].mean()) if not covered.all() else 1.0


class _Walk:
    """Goes to and fro over the frames of a clip."""

    def __init__(self, n_frames: int) -> None:
        self._last, self._direction, self.position = n_frames - 1, 1, 0

    def on(self, length: int, step: int) -> list[int]:
        """Walk on; return the frames, beginning with where it stands."""
        seen = []
        for _ in range(length):
            seen.append(self.position)
            if not 0 <= self.position + self._direction * step <= self._last:
                self._direction = -self._direction
            self.position = int(np.clip(self.position + self._direction * step, 0, self._last))
        return seen
