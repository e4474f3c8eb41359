"""A project of a 6-frame clip whose rows are written by hand, as two rounds would leave them."""

import atexit
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyarrow as pa
from PIL import Image

from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import (
    COMPONENTS,
    Answer,
    DeliveredMask,
    FrameLabel,
    FrameRef,
    LabelKind,
    LabelRequest,
    MaskLabel,
    Provenance,
    Selected,
)
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from al_core.uncertainty.scores import combine
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths, open_frames

HEIGHT, WIDTH, N_FRAMES = 24, 32, 6
HUMAN_FRAMES = {1: 0, 2: 3}
"""The frame that each round asks for."""


def mask_at(frame_idx):
    """A square of 8 pixels with a hole of 2, two pixels further right in each frame."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    x = 4 + 2 * frame_idx
    mask[8:16, x : x + 8] = True
    mask[11:13, x + 3 : x + 5] = False
    return mask


def write_frames(folder, name="clip", n_frames=N_FRAMES, seen=False):
    """A folder of grey PNG frames, in which the squares are seen or not; returns it."""
    frames = folder / name
    frames.mkdir(parents=True)
    for i in range(n_frames):
        image = np.full((HEIGHT, WIDTH, 3), 40 + 10 * i, np.uint8)
        if seen:
            image[mask_at(i)] = (230, 180, 60)
        Image.fromarray(image).save(frames / f"{i:05d}.png")
    return frames


def new_project(folder, names=("clip",), seen=False):
    """A project with videos and no rounds; returns (project, ledger, frame store)."""
    return copy_of(_new_project, folder, tuple(names), seen)


def copy_of(build, folder, *arguments):
    """A copy of a project that this process builds once, and of its videos; returns (project, ledger, frame store).

    Args:
        build: builds it in a folder, with these arguments, as ``_new_project`` does.
    """
    built = _built(build, *arguments)
    shutil.copytree(built, folder, dirs_exist_ok=True)
    project = Project.at(folder / "project <1>")
    ledger = open_ledger(project)
    with ledger.held():
        for video in ledger.videos():
            ledger.move_video(video.video_id, str(folder / Path(video.uri).relative_to(built)))
    return project, ledger, frames_of(project, ledger)


@cache
def _built(build: Callable[..., object], *arguments: object) -> Path:
    folder = Path(mkdtemp(prefix="fewframes-toy-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build(folder, *arguments)
    return folder


def _new_project(folder, names, seen):
    project = Project.at(folder / "project <1>")
    ledger = open_ledger(project)
    with ledger.held():
        ledger.add_categories(["square", "object"])
        for number, name in enumerate(names):
            source = write_frames(folder / "source", name, seen=seen)
            Image.fromarray(np.full((HEIGHT, WIDTH, 3), 200 - number, np.uint8)).save(source / "00000.png")
            assert not ingest_paths(ledger, [source]).failed
    return project, ledger, frames_of(project, ledger)


def frames_of(project, ledger):
    """The project's frame store."""
    return open_frames(project, ledger, Settings().frames)


def copied(built, folder):
    """A copy of a project that a test may change; its frames stay where they are."""
    shutil.copytree(built[0].root, folder / built[0].root.name)
    project = Project.at(folder / built[0].root.name)
    ledger = open_ledger(project)
    return project, ledger, frames_of(project, ledger)


def select(ledger, round_id, video_id=1):
    """The round chooses and asks for its frame; returns the request."""
    chosen = Selected(FrameRef(video_id, HUMAN_FRAMES[round_id]), 0, 0.5, f"chosen <i>{round_id}</i>")
    ledger.put_selection(round_id, "hybrid", [chosen])
    step(ledger, round_id, "select", 0.5)
    request = LabelRequest.of(round_id, chosen)
    ledger.put_requests([request])
    step(ledger, round_id, "request", 0.25)
    return request


def answer(ledger, round_id, request):
    """A person draws the square: 80 seconds."""
    label = FrameLabel(request.frame, (MaskLabel(1, 1, encode(mask_at(request.frame.frame_idx))),))
    ledger.put_answer(Answer(f"a{round_id}", request.request_id, label, LabelKind.MASK, 80.0, "ann"))
    step(ledger, round_id, "collect", 0.25)


def train_and_predict(ledger, round_id, video_id=1, n_frames=N_FRAMES):
    """A curve of four iterations; uncertainty that rises by frame."""
    curve = [(i, 4.0 / i / round_id, 1e-3) for i in range(1, 5)]
    ledger.put_training_curve(round_id, curve)
    step(ledger, round_id, "train", 40.0)
    predict(ledger, round_id, video_id, n_frames)
    step(ledger, round_id, "predict", 20.0)


def predict(ledger, round_id, video_id=1, n_frames=N_FRAMES, scale=1.0):
    """Each component of frame i is (i + 1) / 10 of the most; the score is that times ``scale``."""
    values = ((np.arange(n_frames) % N_FRAMES + 1) / 10).astype(np.float32)
    components = dict.fromkeys(COMPONENTS, values)
    rows = {
        "frame_idx": np.arange(n_frames, dtype=np.int32),
        "uncertainty": combine(components, Settings().uncertainty) * np.float32(scale),
        "n_objects": np.ones(n_frames, np.int32),
    }
    ledger.put_predictions(round_id, video_id, pa.table(rows | components), "predictions.parquet")


def delivered_masks(round_id):
    """People's frames, the next one propagated with 0.75, others but the last by the teacher with 0.5."""
    human = {frame for r, frame in HUMAN_FRAMES.items() if r <= round_id}
    masks = []
    for i in range(N_FRAMES - 1):
        if i in human:
            provenance, confidence = Provenance.HUMAN, 1.0
        elif i - 1 in human:
            provenance, confidence = Provenance.PROPAGATED, 0.75
        else:
            provenance, confidence = Provenance.TEACHER, 0.5 + i / 100
        masks.append(DeliveredMask(i, 1, 1, provenance, confidence, encode(mask_at(i))))
    return masks


def deliver(project, ledger, round_id, video_id=1):
    """Write the delivered masks; the last frame has none."""
    path = project.round_dir(round_id) / "delivered" / f"{video_id}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    summary = write_delivered(path, delivered_masks(round_id))
    categories = [(provenance, 1, n_masks) for provenance, _, n_masks, _ in summary]
    ledger.put_delivered(round_id, video_id, project.relative(path), N_FRAMES - 1, summary, categories)
    step(ledger, round_id, "propagate", 9.5)


def audit(ledger, round_id, jf, video_id=1):
    """Quality as if it had been measured."""
    rows = [
        (None, "all", "j", jf - 0.01, 5),
        (None, "all", "f", jf + 0.01, 5),
        (None, "all", "jf", jf, 5),
        (None, "all", "ap50", jf + 0.05, 5),
        (None, "propagated", "jf", jf + 0.02, 1),
        (None, "teacher", "jf", jf - 0.05, 4),
        (1, "all", "jf", jf, 5),
    ]
    ledger.put_qualities(round_id, [(video_id, rows)])
    step(ledger, round_id, "audit", 1.5)


def step(ledger, round_id, name, seconds):
    """A finished step."""
    ledger.begin_step(round_id, name, "0" * 64)
    ledger.finish_step(round_id, name, {}, seconds)


def finished_project(folder, quality=(0.6, 0.7)):
    """Two finished rounds; ``quality`` is the J&F of each, None for a project without truth."""
    return copy_of(_finished_project, folder, quality)


def _finished_project(folder, quality):
    project, ledger, frames = new_project(folder)
    with ledger.held():
        for round_id in (1, 2):
            ledger.begin_round(Settings())
            answer(ledger, round_id, select(ledger, round_id))
            train_and_predict(ledger, round_id)
            deliver(project, ledger, round_id)
            if quality:
                audit(ledger, round_id, quality[round_id - 1])
            ledger.finish_round(round_id, "2 of 2 rounds are done" if round_id == 2 else None)
    return project, ledger, frames


def abandoned_round(project, ledger):
    """Round 3 delivers masks and is given up."""
    ledger.begin_round(Settings())
    deliver(project, ledger, 3)
    ledger.abandon_round("eve")


def coco_file(folder, frames, name="old.json", category="square", video="clip", track=None, shift=0):
    """A COCO file with a square in each of these frames; returns its path.

    Args:
        track: number of the object; None for a file that numbers nothing.
        shift: the square is drawn as it is so many frames later.
    """
    images = [{"id": i, "file_name": f"{video}/{i:05d}.jpg", "height": HEIGHT, "width": WIDTH} for i in frames]
    numbered = {} if track is None else {"track_id": track}
    annotations = [
        {"id": i, "image_id": i, "category_id": 4, "segmentation": encode(mask_at(i + shift)).to_coco()} | numbered
        for i in frames
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 4, "name": category}]}
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
