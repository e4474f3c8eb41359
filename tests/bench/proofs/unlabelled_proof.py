"""Proof of learning from unlabelled frames: a small student on a pool of made clips, one label each, goes on from
labels alone, from the masks that are delivered (self-training), or by agreeing with its teacher (MMT-PSM, Zhou et al.
2020).

All arms go on from one base student for as many steps. The figure is J of the teachers' masks on unlabelled frames.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.bench.unlabelled.clip_study import ClipStudy, LabelledClip
from tests.bench.unlabelled.study import NONE, SYSTEMS, Bench, Steps
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import synthetic_clip
from tests.toys.students import NARROW

SIZE, FRAMES, CLIPS = (64, 112), 12, 4
STEPS = Steps(base=80, arm=60)


def figures(clips: list[MoverClip], seed: int, cache: Path) -> Figures:
    """All arms on one pool; what is trained is thrown away."""
    with TemporaryDirectory(dir=cache.parent) as name:
        folder = Path(name)
        override = folder / "narrow.py"
        override.write_text(NARROW)
        student = {"student.override": str(override), "student.long_side": SIZE[1], "student.device": "cpu"}
        settings = Settings().changed({**student, "teachers.views": ["identity"], "propagation.methods": ["flow"]})
        pool = {f"clip {n}": _labelled(clip) for n, clip in enumerate(clips)}
        bench = Bench(ClipStudy("toys", pool, settings, folder / "cache"), STEPS, folder)
        found = {}
        for system in SYSTEMS:
            measured, _ = bench.measure(system, seed)
            by_clip = measured["J of teachers' masks"]
            found[system] = sum(by_clip.values()) / len(by_clip)
        return found


def pool_of(seed: int) -> list[MoverClip]:
    """One object a clip, a moving camera and changing light."""
    return [
        synthetic_clip(10 * seed + n, n_frames=FRAMES, size=SIZE, radius=13, pan=1.0, light=-0.3) for n in range(CLIPS)
    ]


def _labelled(clip: MoverClip) -> LabelledClip:
    truth = {
        i: FrameLabel(FrameRef(1, i), tuple(MaskLabel(track, 1, encode(mask)) for track, mask in masks.items()))
        for i, masks in enumerate(clip.truth)
    }
    return LabelledClip(clip, truth, [FRAMES // 2])


PROOF = Proof(
    "unlabelled",
    (
        *(Claim(system, NONE, "J of teachers") for system in SYSTEMS if system != NONE),
        Claim("mmt_psm", "self", "J of teachers"),
    ),
    lambda seed: {f"pool of {CLIPS} toys": pool_of(seed)},
    figures,
    seeds=5,
    on_clips=False,
)
