"""Proof of the Mask R-CNN student on Shapes: VOC-style mAP at IoU 0.5 on 100 unseen images, from random weights.

See :mod:`tests.bench.accuracy.shapes` for the images. Dear: some minutes on a GPU, an hour on a processor core.
"""

from pathlib import Path

from al_core.evaluation.metrics import voc_average_precision
from al_core.records import FrameRef
from al_core.students.build import load_members
from tests.bench.accuracy import shapes
from tests.bench.proofs.proof import Claim, Figures, Proof

AIM = "the aim, 0.9"


def figures(images: int, seed: int, cache: Path) -> Figures:
    """Average precision of the mean teachers of a student; ``images`` is the number of unseen ones."""
    trained = shapes.train(shapes.arguments(["--seed", str(seed), "--work-dir", str(cache / f"shapes-{seed}")]))
    frames = [FrameRef(shapes.TEST_VIDEO, i) for i in range(images)]
    found = {AIM: 0.9}
    for member in load_members(trained.checkpoint):
        pairs = zip(shapes.test(member, frames, seed), shapes.truth(frames, seed), strict=True)
        for kind, (seen, true) in zip(("boxes", "masks"), pairs, strict=True):
            found[f"Mask R-CNN, {member.name.partition(' of ')[0]}: {kind}"] = voc_average_precision(seen, true).mean
    return found


PROOF = Proof(
    "shapes",
    (
        Claim("Mask R-CNN, teacher 0.97: boxes", AIM, "mAP50"),
        Claim("Mask R-CNN, teacher 0.97: masks", AIM, "mAP50"),
    ),
    lambda seed: {"Shapes, 100 unseen images": 100},
    figures,
    seeds=1,
    on_clips=False,
)
