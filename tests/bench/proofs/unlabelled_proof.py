"""Proofs of learning from unlabelled frames: a small student on a pool of made clips, one label each, goes on from
labels alone or learns from the other frames too.

One proof is about students that find objects: from the masks that are delivered (self-training), or by agreeing with
their teacher (MMT-PSM, Zhou et al. 2020), about what its views differ about or about points drawn at random. The other
is about the U-Net that judges pixels, which goes round from image to classes and back (Mondal et al. 2019), with and
without the way from a map to an image and back.

All arms go on from one base student for as many steps. The figure is J of the teachers' masks on unlabelled frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch

from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from al_core.students.semi.mining import mined_weights
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.bench.unlabelled.clip_study import ClipStudy, LabelledClip
from tests.bench.unlabelled.study import NONE, ON_CLIPS, SYSTEMS, Bench, Steps
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import synthetic_clip
from tests.toys.students import NARROW

SIZE, FRAMES, CLIPS = (64, 112), 12, 4
STEPS, FEW_STEPS = Steps(base=80, arm=60), Steps(base=80, arm=40)
PIXEL_STEPS, FEW_PIXEL_STEPS = Steps(base=40, arm=60), Steps(base=40, arm=24)

RANDOM = "mmt_psm, random negatives"
CYCLE, ONE_WAY = "cycle", "cycle, not from maps"
WHAT = "J of teachers"

MEASURED = [system for system in SYSTEMS if system not in ON_CLIPS]
"""Depth has a proof of its own, on scenes that have one."""


@dataclass(frozen=True)
class Arm:
    """One way to go on: a system, and what else is different, as (module and attribute, value)."""

    name: str
    system: str
    different: tuple[str, Any] | None = None


def at_random(positive: torch.Tensor, sensitivity: torch.Tensor) -> torch.Tensor:
    """Choose as many negatives as mining does, whatever the views say of them."""
    return mined_weights(positive, torch.rand(sensitivity.shape, device=sensitivity.device))


OBJECT_ARMS = (
    *(Arm(system, system) for system in MEASURED),
    Arm(RANDOM, "mmt_psm", ("al_core.students.semi.consistency.mined_weights", at_random)),
)
PIXEL_ARMS = (
    *(Arm(system, system) for system in (NONE, "self", CYCLE)),
    Arm(ONE_WAY, CYCLE, ("al_core.students.semantic.cycle.MASK_CYCLE", 0.0)),
)


def figures_of(
    arms: Sequence[Arm], steps: Steps, config: str, override: str
) -> Callable[[list[MoverClip], int, Path], Figures]:
    """Return what measures all arms on one pool; what is trained is thrown away.

    Args:
        config: ``student.config``.
        override: text of ``student.override``; "" for none.
    """

    def figures(clips: list[MoverClip], seed: int, cache: Path) -> Figures:
        with TemporaryDirectory(dir=cache.parent) as name:
            folder = Path(name)
            changes: dict[str, Any] = {"student.config": config, "student.long_side": SIZE[1]}
            if override:
                (folder / "override.py").write_text(override)
                changes["student.override"] = str(folder / "override.py")
            changes |= {"student.device": "cpu", "teachers.views": ["identity"], "propagation.methods": ["flow"]}
            pool = {f"clip {n}": labelled(clip) for n, clip in enumerate(clips)}
            study = ClipStudy("toys", pool, Settings().changed(changes), folder / "cache")
            bench = Bench(study, steps, folder)
            return {arm.name: _measured(bench, arm, seed) for arm in arms}

    return figures


def _measured(bench: Bench, arm: Arm, seed: int) -> float:
    if arm.different is None:
        measured, _ = bench.measure(arm.system, seed)
    else:
        with patch(*arm.different):
            measured, _ = bench.measure(arm.system, seed, name=arm.name)
    by_clip = measured["J of teachers' masks"]
    return sum(by_clip.values()) / len(by_clip)


def pool_of(seed: int) -> list[MoverClip]:
    """One object a clip, a moving camera and changing light."""
    return [
        synthetic_clip(10 * seed + n, n_frames=FRAMES, size=SIZE, radius=13, pan=1.0, light=-0.3) for n in range(CLIPS)
    ]


def pale_pool_of(seed: int) -> list[MoverClip]:
    """Three objects a clip, of colours near the ground's, in light that falls by more than half."""
    how: dict[str, Any] = {"n_frames": FRAMES, "size": SIZE, "objects": 3, "radius": 9, "contrast": 25.0}
    return [synthetic_clip(10 * seed + n, pan=1.0, light=-0.6, **how) for n in range(CLIPS)]


def labelled(clip: MoverClip) -> LabelledClip:
    """A clip whose middle frame has a label."""
    truth = {
        i: FrameLabel(FrameRef(1, i), tuple(MaskLabel(track, 1, encode(mask)) for track, mask in masks.items()))
        for i, masks in enumerate(clip.truth)
    }
    return LabelledClip(clip, truth, [clip.n_frames // 2])


PROOF = Proof(
    "unlabelled",
    (
        *(Claim(system, NONE, WHAT) for system in MEASURED if system != NONE),
        Claim("mmt_psm", "self", WHAT),
        Claim("mmt_psm", RANDOM, WHAT),
    ),
    lambda seed: {f"pool of {CLIPS} toys": pool_of(seed)},
    figures_of(OBJECT_ARMS, STEPS, Settings().student.config, NARROW),
    seeds=5,
    on_clips=False,
)
FEW_ARMS = [arm for arm in OBJECT_ARMS if "+" not in arm.name]
QUICK = replace(
    PROOF,
    name="quick unlabelled",
    claims=tuple(claim for claim in PROOF.claims if claim.system in {arm.name for arm in FEW_ARMS}),
    figures=figures_of(FEW_ARMS, FEW_STEPS, Settings().student.config, NARROW),
)

PIXELS = Proof(
    "cycle",
    (Claim("self", NONE, WHAT), Claim(CYCLE, NONE, WHAT), Claim(CYCLE, ONE_WAY, WHAT)),
    lambda seed: {f"pool of {CLIPS} pale toys": pale_pool_of(seed)},
    figures_of(PIXEL_ARMS, PIXEL_STEPS, "semantic_unet", ""),
    seeds=5,
    on_clips=False,
)
QUICK_PIXELS = replace(PIXELS, name="quick cycle", figures=figures_of(PIXEL_ARMS, FEW_PIXEL_STEPS, "semantic_unet", ""))
