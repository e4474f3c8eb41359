"""Human seconds to nine tenths of all boxes of a clip: drawn one by one, or found from a few and said yes or no to.

    python -m tests.bench.discovery.footage.boxes_by_looks cdnet-highway --given 4 --data DATA
    python -m tests.bench.discovery.footage.boxes_by_looks tabletop --given 7 --data DATA

``DATA`` holds ``video_masks/other`` in DAVIS layout. So many boxes are given of one frame, drawn at random among those
that show many objects; where these are all, the frame is complete. Connected parts of the highway's masks are its
objects. People look at what is proposed, the surest first, until they have enough boxes, and draw what is lacking; a
yes is a box that overlaps an object by half that no surer one has. Seconds are those of the settings' prices. Beside
them, the share of the proposals that is right, by confidence. What is measured is added to ``--out``, a line of JSON; a
draw that is there is not measured again.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import click
import cv2
import numpy as np
import torch

from al_core.campaign.pricing import label_seconds
from al_core.discovery.exemplars.box_overlap import Boxes, overlaps
from al_core.discovery.exemplars.learning import LEAST, Example
from al_core.discovery.motion import LONG_SIDE, PRESET
from al_core.footage.clips import Clip, clips_of
from al_core.records import LabelKind
from al_core.settings import Settings
from al_core.stores.optical_flow import FlowStore
from tests.bench.discovery.exemplars_proof import OURS, RIGHT, TRACKS, Scored, found_by
from tests.toys.footage.crowds.like_objects import boxes_of

SHARE = 0.9
CONFIDENCES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.01)
LEAST_PIXELS = 30
"""Of a part of the highway's masks, at its own size of 320 pixels."""


def hits(found: Scored, truth: Sequence[Boxes], given: set[tuple[int, int]]) -> list[bool]:
    """Whether each proposal, the surest first, is a box that is still lacking."""
    taken, right = set(given), []
    for i, box, _ in sorted(found, key=lambda one: -one[2]):
        shared = overlaps(box[None], truth[i])[0]
        best = int(shared.argmax()) if len(shared) else -1
        right.append(best >= 0 and shared[best] >= RIGHT and (i, best) not in taken)
        if right[-1]:
            taken.add((i, best))
    return right


def seconds_with(right: Sequence[bool], given: int, wanted: int) -> float:
    """Human seconds to so many boxes: some are drawn first, then proposals are looked at, then the rest is drawn."""
    settings = Settings().annotator
    look, draw = label_seconds(settings, LabelKind.ACCEPT), label_seconds(settings, LabelKind.BOX)
    done, seconds = given, given * draw
    for one in right:
        if done >= wanted:
            break
        seconds += look
        done += one
    return seconds + max(wanted - done, 0) * draw


def told(
    found: Scored, tracks: Scored, truth: Sequence[Boxes], given: set[tuple[int, int]]
) -> dict[str, float | list[list[float]]]:
    """All figures of a draw."""
    count, n = sum(map(len, truth)), len(given)
    wanted = int(np.ceil(SHARE * count))
    shown = [one for one in found if one[2] >= LEAST]
    right = hits(found, truth, given)
    sure = np.sort([-one[2] for one in found]) * -1
    bins = [(sure >= low) & (sure < high) for low, high in pairwise(CONFIDENCES)]
    return {
        "boxes": count,
        "drawn": seconds_with([], n, wanted),
        "all that is found": seconds_with(right, n, wanted),
        "what is shown": seconds_with(hits(shown, truth, given), n, wanted),
        "tracks alone": seconds_with(hits(tracks, truth, given), n, wanted),
        "right of what is shown": float(np.mean(hits(shown, truth, given) or [0])),
        "found": sum(hits(shown, truth, given)) / count,
        "by confidence": [[int(b.sum()), float(np.array(right)[b].mean()) if b.any() else 0.0] for b in bins],
    }


def objects_of(clip: Clip, name: str) -> list[Boxes]:
    """The boxes of every frame, at working size."""
    truth = []
    for i in range(clip.n_frames):
        masks = list(clip.truth(i).values())
        if name == "cdnet-highway":
            least = LEAST_PIXELS * (clip.size[1] / 320) ** 2
            masks = [part for mask in masks for part in _parts(mask, least)]
        truth.append(boxes_of([mask for mask in masks if mask.any()]))
    return truth


def _parts(mask: np.ndarray, least: float) -> list[np.ndarray]:
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return [numbers == k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= least]


@click.command()
@click.argument("name", type=click.Choice(["cdnet-highway", "tabletop"]))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--given", "n_given", default=4, show_default=True, help="Boxes that are drawn at first.")
@click.option("--seed", default=0, show_default=True)
@click.option("--out", default=Path("runs/boxes_by_looks.jsonl"), show_default=True, type=click.Path(path_type=Path))
def main(name: str, data: Path, n_given: int, seed: int, out: Path) -> None:
    """Measure one draw of boxes."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.is_file() else []
    known = [line for line in lines if line["draw"] == [name, n_given, seed]]
    if known:
        click.echo(json.dumps(known[0]))
        return
    clip = Clip(clips_of(data / "video_masks" / "other", [name])[0].source, Settings().frames.working_long_side)
    truth = objects_of(clip, name)
    rng = np.random.default_rng(seed)
    crowded = sorted(range(len(truth)), key=lambda i: -len(truth[i]))[: len(truth) // 3]
    drawn = int(rng.choice(crowded))
    picked = sorted(rng.permutation(len(truth[drawn]))[:n_given].tolist())
    examples = [Example(drawn, truth[drawn][k], k + 1) for k in picked]
    flow = FlowStore(out.parent / "flow").clip(clip, LONG_SIDE, PRESET)
    whole = frozenset({drawn}) if n_given >= len(truth[drawn]) else frozenset[int]()
    found, tracks = (found_by(way, clip, flow, examples, 3, whole) for way in (OURS, TRACKS))
    line = {"draw": [name, n_given, seed]} | told(found, tracks, truth, {(drawn, k) for k in picked})
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    click.echo(json.dumps(line))


if __name__ == "__main__":
    main()
