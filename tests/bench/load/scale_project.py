"""Projects of any number of tiny videos, as two rounds leave them and a third that waits for people: made in bulk.

All videos share the frames of one clip, their predictions and their delivered masks, by hard links; the rows of the
ledger are as the steps write them.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from al_core.fingerprint import fingerprint_file
from al_core.ledger.store import Ledger
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
from al_core.stores.predictions import FramePrediction, write_predictions

N_FRAMES, HEIGHT, WIDTH = 6, 24, 32
ROUNDS, ASKED = 2, 50
"""Finished rounds, and frames that each asks for, whatever the number of videos."""
STEPS = ("select", "request", "collect", "train", "predict", "propagate", "audit")
TO_COME = 20
"""Clips that lie ready to be taken in beside those that a project has."""


def make_project(folder: Path, n_videos: int, asked: int = ASKED) -> Project:
    """Make it in ``folder/project``, beside the clips in ``folder/clips`` and those to come in ``folder/more``."""
    clips = [linked_clip(folder, "clips", number) for number in range(1, n_videos + 1)]
    for number in range(n_videos + 1, n_videos + TO_COME + 1):
        linked_clip(folder, "more", number)
    project = Project.at(folder / "project")
    ledger = Ledger(project.ledger_path)
    ledger.add_categories(["square"])
    with ledger.held():
        _videos(ledger, clips)
        for round_id in range(1, ROUNDS + 2):
            _round(project, ledger, round_id, n_videos, asked)
    return project


def linked_clip(folder: Path, under: str, number: int) -> Path:
    """Make a clip whose frames are those of the first one, under other names: so its content has another hash."""
    shared = folder / "shared"
    if not shared.exists():
        shared.mkdir(parents=True)
        for i in range(N_FRAMES):
            image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
            image[square_at(i)] = (230, 180, 60)
            cv2.imwrite(str(shared / f"{i}.png"), image)
    clip = folder / under / f"{number:05d}"
    clip.mkdir(parents=True, exist_ok=True)
    for i in range(N_FRAMES):
        link(shared / f"{i}.png", clip / f"v{number:05d}-{i}.png")
    return clip


def link(source: Path, target: Path) -> None:
    """Link a file, in the place of what is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    os.link(source, target)


def square_at(frame_idx: int) -> np.ndarray:
    """A square of 8 pixels that moves, bool [24, 32]."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[8:16, 4 + 2 * frame_idx : 12 + 2 * frame_idx] = True
    return mask


def _videos(ledger: Ledger, clips: list[Path]) -> None:
    """Take clips in. Their hashes are made up, so they count as taken in after anything is written to them."""
    folder = clips[0].parent
    with ledger._connector.transaction() as connection:
        connection.execute(
            "INSERT INTO video BY NAME SELECT i AS video_id, lpad(i::VARCHAR, 5, '0') AS name, "
            "$1 || '/' || lpad(i::VARCHAR, 5, '0') AS uri, 'folder' AS kind, sha256(i::VARCHAR) AS sha256, "
            "10 AS fps_numerator, 1 AS fps_denominator, $2 AS n_frames, $3 AS height, $4 AS width, 0 AS rotation, "
            "false AS variable_fps, 'persistent' AS identities, TIMESTAMP '2100-01-01' AS added_at, 8 AS bits "
            "FROM range(1, $5 + 1) t(i)",
            [str(folder), N_FRAMES, HEIGHT, WIDTH, len(clips)],
        )
        connection.execute(
            "INSERT INTO frame BY NAME SELECT video_id, f AS frame_idx, f * 100000 AS time_us, "
            "'v' || name || '-' || f || '.png' AS file FROM video, range($1) t(f) ORDER BY 1, 2",
            [N_FRAMES],
        )
        connection.execute("INSERT INTO shot_search SELECT video_id, 0, TIMESTAMP '2020-02-01' FROM video")


def _round(project: Project, ledger: Ledger, round_id: int, n_videos: int, asked: int) -> None:
    """A round as it ends, or the last one as it waits for people at our page."""
    finished = round_id <= ROUNDS
    settings = Settings().changed({"annotator.backend": "page", "selection.frames_per_round": asked})
    ledger.begin_round(settings)
    rng = np.random.default_rng(round_id)
    frames = [FrameRef(int(v) + 1, round_id) for v in rng.choice(n_videos, min(asked, n_videos), replace=False)]
    chosen = [Selected(frame, rank, 0.5, "why") for rank, frame in enumerate(frames)]
    ledger.put_selection(round_id, "hybrid", chosen)
    requests = [LabelRequest.of(round_id, selected) for selected in chosen]
    ledger.put_requests(requests)
    if finished:
        _answered(ledger, requests)
        _finished(project, ledger, round_id, n_videos, STEPS)
    else:
        for name in STEPS[:2]:
            ledger.begin_step(round_id, name, "0" * 64)
            ledger.finish_step(round_id, name, {}, 10.0)


def next_round(project: Project, round_id: int) -> None:
    """Let people answer what a round chose, finish it, and begin the next one: what is delivered of other videos
    than those that they labelled has other confidences, but was made from the same."""
    ledger = Ledger(project.ledger_path)
    with ledger.held():
        ledger.put_requests([LabelRequest.of(round_id, selected) for selected in ledger.selection(round_id)])
        _answered(ledger, ledger.requests(round_id, "open"))
        _finished(project, ledger, round_id, len(ledger.video_lengths()), STEPS[2:])
        ledger.begin_round(ledger.round(round_id).settings)


def _answered(ledger: Ledger, requests: Sequence[LabelRequest]) -> None:
    for request in requests:
        mask = MaskLabel(1, 1, encode(square_at(request.frame.frame_idx)))
        label = FrameLabel(request.frame, (mask,))
        ledger.put_answer(Answer(request.request_id, request.request_id, label, LabelKind.MASK, 8.0, "ann"))


def _finished(project: Project, ledger: Ledger, round_id: int, n_videos: int, steps: Sequence[str]) -> None:
    """A round's results, and that the steps which made them are done."""
    made = _made_by_machine(project, ledger, round_id, n_videos)
    for name in steps:
        ledger.begin_step(round_id, name, "0" * 64)
        result = {"hashes": {str(v + 1): made[name] for v in range(n_videos)}} if name in made else {}
        ledger.finish_step(round_id, name, result, 10.0)
    ledger.finish_round(round_id, None)


def _made_by_machine(project: Project, ledger: Ledger, round_id: int, n_videos: int) -> dict[str, str]:
    """Make predictions and delivered masks of all videos, the same for each; return their hashes by step."""
    folder = project.round_dir(round_id)
    predictions, delivered = folder / "shared.predictions", folder / "shared.delivered"
    folder.mkdir(parents=True, exist_ok=True)
    feature = np.linspace(0, 1, 8, dtype=np.float32)
    write_predictions(predictions, (FramePrediction(i, (), feature + i) for i in range(N_FRAMES)), (HEIGHT, WIDTH))
    # Confidences are calibrated anew in each round.
    sure = 0.8 + round_id / 100
    masks = (DeliveredMask(i, 1, 1, Provenance.TEACHER, sure, encode(square_at(i))) for i in range(N_FRAMES))
    write_delivered(delivered, masks)
    for number in range(1, n_videos + 1):
        link(predictions, folder / "predictions" / f"{number:05d}.parquet")
        link(delivered, folder / "delivered" / f"{number:05d}.parquet")
    hashes = {"predict": fingerprint_file(predictions), "propagate": fingerprint_file(delivered)}
    predictions.unlink()
    delivered.unlink()
    path = f"'rounds/{round_id:04d}/%s/' || lpad(video_id::VARCHAR, 5, '0') || '.parquet'"
    # Each component is another number, the same at every try.
    parts = ", ".join(f"hash(video_id, frame_idx, {i}) % 1000 / 1000.0" for i in range(len(COMPONENTS) + 1))
    with ledger._connector.transaction() as connection:
        connection.execute(
            f"INSERT INTO prediction_batch BY NAME SELECT {round_id} AS round_id, video_id, n_frames AS n_rows, "
            f"{path % 'predictions'} AS path, TIMESTAMP '2020-02-01' AS written_at FROM video"
        )
        columns = ", ".join(("round_id", "video_id", "frame_idx", "n_objects", "uncertainty", *COMPONENTS))
        connection.execute(
            f"INSERT INTO prediction ({columns}) SELECT {round_id}, video_id, frame_idx, 1, {parts} FROM frame"
        )
        connection.execute(
            f"INSERT INTO delivered_batch BY NAME SELECT {round_id} AS round_id, video_id, "
            f"{path % 'delivered'} AS path, n_frames AS n_covered, TIMESTAMP '2020-02-01' AS written_at, "
            # The same while no other frame of the video was asked for.
            f"sha256(video_id || '-' || (SELECT count(*) FROM selection s WHERE s.video_id = video.video_id "
            f"AND s.round_id <= {round_id})) AS made_from FROM video"
        )
        connection.execute(
            f"INSERT INTO delivered SELECT {round_id}, video_id, 'teacher', n_frames, n_frames, 0.8 FROM video"
        )
        connection.execute(
            f"INSERT INTO delivered_category SELECT {round_id}, video_id, 'teacher', 1, n_frames FROM video"
        )
    return hashes
