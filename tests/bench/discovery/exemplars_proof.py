"""Proof of watch and learn: the gate against detectors that teach themselves, and against tracks alone.

Three boxes of one frame are given, of objects that come and go among ghosts of the same look and striped things of the
same outline; five rounds of learning. The figure is the precision at the highest recall that both of two ways reach, on
frames without a given box; a box is right where it overlaps an object by half that no surer one has taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.exemplars.box_overlap import Boxes, inside, overlaps, strongest
from al_core.discovery.exemplars.learning import Example, Watcher, Watching, watch
from al_core.discovery.exemplars.short_tracks import Pairs, follow
from al_core.discovery.motion import LONG_SIDE, PRESET
from al_core.footage.clips import ClipFrames
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.crowds.like_objects import boxes_of, crowd_clip
from tests.toys.footage.movers import MoverClip

Scored = list[tuple[int, NDArray[np.float64], float]]
"""Frame, box and confidence of what was found."""

OURS, DETECTORS, TRACKS = "watch and learn", "detectors that teach themselves", "tracks alone"
GIVEN, ROUNDS = 3, 5
SETS: Mapping[str, Mapping[str, float | int]] = {
    "ghosts": {"ghosts": 1.5},
    "ghosts, striped things": {"ghosts": 1.0, "striped": 3},
}
RIGHT = 0.5
"""Overlap (IoU) of a box that is right."""


def found_by(
    way: str,
    clip: ClipFrames,
    flow: Pairs,
    examples: Sequence[Example],
    rounds: int = ROUNDS,
    complete: frozenset[int] = frozenset(),
) -> Scored:
    """What a way finds in all frames."""
    if way == TRACKS:
        return tracked(clip, flow, examples)
    watching = Watching(rounds=rounds, gate=way == OURS)
    watcher = Watcher(clip, flow, [range(clip.n_frames)], examples, np.random.default_rng(0), watching, (), complete)
    detectors = watcher.learn()
    if way == OURS:
        return [(one.frame_idx, one.box, one.confidence) for one in watch(watcher, detectors)]
    seen = {i: watcher.look(i, detectors) for i in range(clip.n_frames)}
    return [
        (i, box, float(score))
        for i, here in seen.items()
        for box, score, given in zip(here.boxes, here.scores, here.given, strict=True)
        if not given
    ]


def tracked(clip: ClipFrames, flow: Pairs, examples: Sequence[Example]) -> Scored:
    """The given boxes, followed as far as they go; the further, the less sure."""
    found: Scored = []
    for one in examples:
        for ahead in (range(one.frame_idx + 1, clip.n_frames), range(one.frame_idx - 1, -1, -1)):
            for i, box in follow(flow, clip.size, one.frame_idx, one.box, ahead):
                found.append((i, inside(box[None], clip.size)[0], 1 / (1 + abs(i - one.frame_idx))))
    kept: Scored = []
    for i in sorted({i for i, _, _ in found}):
        here = [one for one in found if one[0] == i]
        order = strongest(np.stack([box for _, box, _ in here]), np.array([score for _, _, score in here]), RIGHT, 99)
        kept += [here[k] for k in order]
    return kept


def curve(found: Scored, truth: Sequence[Boxes], given: set[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and precision of the surest box, the two surest, and so on."""
    taken: set[tuple[int, int]] = set()
    right = []
    for i, box, _ in sorted((one for one in found if one[0] not in given), key=lambda one: -one[2]):
        shared = overlaps(box[None], truth[i])[0]
        best = int(shared.argmax()) if len(shared) else -1
        right.append(best >= 0 and shared[best] >= RIGHT and (i, best) not in taken)
        if right[-1]:
            taken.add((i, best))
    hits = np.cumsum(np.array(right, float))
    count = sum(len(boxes) for i, boxes in enumerate(truth) if i not in given)
    return hits / max(count, 1), hits / np.arange(1, len(hits) + 1)


def matched(ours: Scored, theirs: Scored, truth: Sequence[Boxes], given: set[int]) -> tuple[float, float, float]:
    """Precision of both at the highest recall that both reach, and that recall."""
    curves = [curve(found, truth, given) for found in (ours, theirs)]
    recall = min((float(r[-1]) if len(r) else 0.0) for r, _ in curves)
    at = [float(p[int(np.searchsorted(r, recall - 1e-9))]) if recall else 0.0 for r, p in curves]
    return at[0], at[1], recall


def footage(seed: int) -> Mapping[str, MoverClip]:
    """The clips of a seed."""
    return {name: crowd_clip(seed, n_frames=30, **kinds) for name, kinds in SETS.items()}


def figures(clip: MoverClip, seed: int, cache: Path) -> Figures:
    """Every arm on one clip, ours beside each rival at the recall that both reach."""
    truth = [boxes_of(list(masks.values())) for masks in clip.truth]
    drawn = clip.n_frames // 2
    inner = [(track, m) for track, m in clip.truth[drawn].items() if not m[:, [0, -1]].any()]
    examples = [Example(drawn, boxes_of([mask])[0], track) for track, mask in inner[:GIVEN]]
    flow = FlowStore(cache / "flow").clip(clip, LONG_SIDE, PRESET)
    found = {way: found_by(way, clip, flow, examples) for way in (OURS, DETECTORS, TRACKS)}
    told: dict[str, float] = {}
    for rival in (DETECTORS, TRACKS):
        ours, theirs, recall = matched(found[OURS], found[rival], truth, {drawn})
        told |= {f"{OURS}, as far as {rival}": ours, rival: theirs, f"recall beside {rival}": recall}
        last = curve(found[rival], truth, {drawn})[0]
        told[f"recall of {rival}"] = float(last[-1]) if len(last) else 0.0
    last = curve(found[OURS], truth, {drawn})[0]
    told[f"recall of {OURS}"] = float(last[-1]) if len(last) else 0.0
    return told


CLAIMS = tuple(
    claim
    for rival in (DETECTORS, TRACKS)
    for claim in (
        Claim(f"{OURS}, as far as {rival}", rival, "precision at the recall of both"),
        Claim(f"recall of {OURS}", f"recall of {rival}", "recall"),
    )
)
PROOF = Proof("exemplars", CLAIMS, footage, figures, seeds=5, on_clips=False)
QUICK = replace(PROOF, name="quick exemplars", footage=lambda seed: {"ghosts": footage(seed)["ghosts"]})
