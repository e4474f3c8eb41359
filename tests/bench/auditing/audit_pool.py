"""What deliveries of real clips are worth, mask by mask, once: ``audit_coverage`` draws its campaigns from it.

python -m tests.bench.auditing.audit_pool --data A --data B --labels 1,2,4 --out pool.npz --cache FOLDER

Of every mask: delivery, clip, frame, track, confidence, and overlap with the truth; of every frame: how many objects
lack a mask there. Labelled frames are left out. Clips are in DAVIS layout.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from al_core.footage.clips import Clip, clips_of
from al_core.masks.rle import decode
from al_core.propagation import Resources
from al_core.settings import PropagationSettings
from tasks.benchmark.one_clip import evenly, labels_of, propagate_clip
from tests.bench.accuracy.propagators import seen

LONG_SIDE = 320
HIT = 0.1
"""An object with a mask of less overlap is missed."""


def rows_of(clip: Clip, n_labels: int, cache: Path) -> Iterator[tuple[int, list[tuple[int, float, float]], int]]:
    """Yield (frame, [(track, confidence, overlap)], missed objects) of each frame that nobody labelled."""
    labels = labels_of(clip, evenly(clip.n_frames, n_labels))
    resources = Resources(PropagationSettings(methods=("flow",)), cache)
    delivered = dict(propagate_clip(seen(clip), labels, clip.size, ("flow",), resources))
    for frame_idx in range(clip.n_frames):
        if frame_idx in labels or frame_idx not in clip.truth_frames:
            continue
        truth, found = clip.truth(frame_idx), []
        for mask in delivered.get(frame_idx, []):
            pixels, wanted = decode(mask.rle), truth.get(mask.track_id)
            union = 0 if wanted is None else int((pixels | wanted).sum())
            overlap = float((pixels & wanted).sum() / union) if union else 0.0
            found.append((mask.track_id, float(np.clip(mask.confidence, 0, 1)), overlap))
        hit = {track for track, _, overlap in found if overlap >= HIT}
        yield frame_idx, found, len(truth.keys() - hit)


@click.command()
@click.option("--data", "folders", required=True, multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--labels", "counts", default="1,2,4", show_default=True, help="Labelled frames a clip, by delivery.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(folders: tuple[Path, ...], counts: str, out: Path, cache: Path) -> None:
    """Deliver every clip with each number of labels, and write what came of it."""
    clips = [clip for folder in folders for clip in clips_of(folder, None, LONG_SIDE)]
    masks, frames = [], []
    for delivery, n_labels in enumerate(int(n) for n in counts.split(",")):
        for number, clip in enumerate(clips):
            for frame_idx, found, missed in rows_of(clip, n_labels, cache):
                frames.append((delivery, number, frame_idx, missed))
                masks += [(delivery, number, frame_idx, *mask) for mask in found]
        click.echo(f"{n_labels} labels: {len(masks)} masks so far")
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, masks=np.array(masks, float), frames=np.array(frames, np.int64))


if __name__ == "__main__":
    main()
