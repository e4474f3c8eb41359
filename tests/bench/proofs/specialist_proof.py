"""Proof of the specialist (after OSVOS, Caelles et al., CVPR 2017): its two stages, and more labels.

A parent learns on other clips; on each new clip the specialists get the same task without a prior (the flow is left
out, so that the network itself is measured). A network that is only trained online gets as many steps as the last stage
of the others, or as both stages together: only the second is a fair rival. All begin from random weights, without the
backbone that a specialist has by default.
"""

from pathlib import Path

import numpy as np
import torch

from al_core.networks.network_state import to_bytes
from al_core.networks.unet import UNet
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.specialist.examples import labelled_frames, network_input
from al_core.propagation.specialist.network import load_weights, new_network
from al_core.propagation.specialist.training import train, train_parent
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.movers import MoverClip, iou
from tests.toys.footage.synthetic import synthetic_clip

SIZE = (64, 112)
FRAMES = 12
THREE, ONE = (1, 6, 10), (6,)
PARENT_CLIPS = 4
STEPS, PARENT_STEPS = 30, 80
BOTH = f"parent {PARENT_STEPS} + online {STEPS} steps, 3 labels"


def figures(clip: MoverClip, seed: int, cache: Path) -> Figures:
    """All arms on one clip."""
    flow, path = FlowPropagator(FlowStore(cache / "flow"), PropagationSettings()), cache / "parent.pt"
    if not path.is_file():
        others = [clip_of(1000 + i) for i in range(PARENT_CLIPS)]
        parents = [(c, {i: c.truth[i] for i in THREE}, flow) for c in others]
        parent = new_network(0, on_backbone=False)
        train_parent(parent, parents, max(SIZE), PARENT_STEPS)
        path.write_bytes(to_bytes(parent))
    found = {"parent only": quality(load_weights(path), clip)}
    for name, start, marks, steps in (
        (BOTH, load_weights(path), THREE, STEPS),
        ("online only, 30 steps, 3 labels", new_network(seed, on_backbone=False), THREE, STEPS),
        ("online only, 110 steps, 3 labels", new_network(seed, on_backbone=False), THREE, PARENT_STEPS + STEPS),
        ("parent + online, 1 label", load_weights(path), ONE, STEPS),
    ):
        labels = {i: clip.truth[i] for i in marks}
        train(start, list(labelled_frames(clip, labels, clip.size, flow)), steps, seed)
        found[name] = quality(start, clip)
    return found


def clip_of(seed: int) -> MoverClip:
    """One object, a moving camera and changing light."""
    return synthetic_clip(seed, n_frames=FRAMES, size=SIZE, radius=13, pan=1.0, light=-0.3)


def quality(network: UNet, clip: MoverClip) -> float:
    """Mean J over the frames that none of the methods has a label of, without a prior."""
    network.eval()
    blank = np.zeros(clip.size, np.float32)
    found = []
    for i in set(range(clip.n_frames)) - set(THREE):
        inputs = torch.from_numpy(network_input(clip.images[i], blank, blank)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            found.append(iou(network(inputs)[0].numpy() > 0, clip.truth[i][1]))
    return float(np.mean(found))


PROOF = Proof(
    "specialist",
    tuple(
        Claim(BOTH, rival, "mean J")
        for rival in (
            "online only, 30 steps, 3 labels",
            "online only, 110 steps, 3 labels",
            "parent only",
            "parent + online, 1 label",
        )
    ),
    lambda seed: {"panning toys": clip_of(seed)},
    figures,
    on_clips=False,
)
