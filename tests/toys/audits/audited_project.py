"""A project whose only round delivered 240 masks of two videos, and people who audit them."""

import numpy as np
from PIL import Image

from al_core.audit.audit_records import AuditAnswer, Grade
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import (
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
from tasks.auditing.samples import request_names
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.labelled_project import frames_of, step

SIZE, N_FRAMES = (16, 24), 121
HUMAN_FRAME = 0
"""The frame of each video that a person labelled."""


def square(frame_idx, shift=0):
    """A square of 6 pixels, a pixel further right in each of 16 frames."""
    mask = np.zeros(SIZE, bool)
    x = 1 + frame_idx % 16 + shift
    mask[5:11, x : x + 6] = True
    return mask


def is_bad(frame_idx):
    """Of each video, the 12 masks of the lowest confidence are bad."""
    return 1 <= frame_idx <= 12


def confidence_of(frame_idx):
    """Rises with the frame, from 0.4 to 1."""
    return 0.4 + 0.6 * frame_idx / N_FRAMES


def audited_project(folder, names=("one", "two")):
    """The project with its first round delivered and finished; returns (project, ledger, frame store)."""
    project = Project.at(folder / "project")
    ledger = open_ledger(project)
    ledger.add_categories(["square"])
    for name in names:
        add_video(ledger, folder / "source", name)
    with ledger.held():
        ledger.begin_round(Settings())
        label(ledger, 1)
        for number in range(1, len(names) + 1):
            deliver(project, ledger, 1, number)
        step(ledger, 1, "propagate", 1.0)
        ledger.finish_round(1, None)
    return project, ledger, frames_of(project, ledger)


def add_video(ledger, folder, name):
    """A folder of grey frames is taken in."""
    frames = folder / name
    frames.mkdir(parents=True)
    for i in range(N_FRAMES):
        Image.fromarray(np.full((*SIZE, 3), sum(map(ord, name)) % 99 + i, np.uint8)).save(frames / f"{i:05d}.png")
    assert not ingest_paths(ledger, [frames]).failed


def label(ledger, round_id, frame_idx=HUMAN_FRAME):
    """A person draws one frame of each video."""
    videos = ledger.videos()
    chosen = [Selected(FrameRef(v.video_id, frame_idx), rank, 0.5, "spread") for rank, v in enumerate(videos)]
    ledger.put_selection(round_id, "uniform", chosen)
    requests = [LabelRequest.of(round_id, one) for one in chosen]
    ledger.put_requests(requests)
    for request in requests:
        said = FrameLabel(request.frame, (MaskLabel(1, 1, encode(square(frame_idx))),))
        ledger.put_answer(Answer(f"l-{request.request_id}", request.request_id, said, LabelKind.MASK, 30.0, "ann"))
    step(ledger, round_id, "collect", 0.25)


def masks_of(moved=0, human=(HUMAN_FRAME,)):
    """A mask in every frame; the machine's are shifted where they are bad, and by ``moved`` pixels."""
    for i in range(N_FRAMES):
        by_person = i in human
        shape = square(i) if by_person else square(i, moved + 4 * is_bad(i))
        provenance = Provenance.HUMAN if by_person else Provenance.PROPAGATED
        yield DeliveredMask(i, 1, 1, provenance, 1.0 if by_person else confidence_of(i), encode(shape))


def deliver(project, ledger, round_id, video_id, masks=None):
    """Write what a round delivers for one video."""
    path = project.round_dir(round_id) / "delivered" / f"{video_id}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    summary = write_delivered(path, masks_of() if masks is None else masks)
    ledger.put_delivered(round_id, video_id, project.relative(path), N_FRAMES, summary)


def answer_all(ledger, sample, person="eve", wrong=lambda unit: False, number=0):
    """People answer every unit of a sample, by what is bad in truth; ``wrong`` picks judgements that are turned."""
    answers = []
    for unit in sample.units:
        bad, name = is_bad(unit.frame.frame_idx), f"{person}-{number}-{unit.key}"
        if unit.whole_frame:
            answers.append(AuditAnswer(unit.key, person, name, missed=0))
        elif unit.grade is Grade.JUDGED:
            answers.append(AuditAnswer(unit.key, person, name, good=bad == wrong(unit)))
        else:
            answers.append(AuditAnswer(unit.key, person, name, j=0.2 if bad else 0.9, f=0.5))
    ledger.put_audit_answers(sample.round_id, answers)
    return answers


def judge_on_page(ledger, sample, person="eve", n=None):
    """A person answers the first ``n`` questions about single masks (None for all) as on the page, by what is bad in
    truth."""
    names = request_names(sample)
    with ledger.held():
        for unit in sample.of(Grade.JUDGED)[:n]:
            kind = LabelKind.REJECT if is_bad(unit.frame.frame_idx) else LabelKind.ACCEPT
            name, said = names[unit.key], FrameLabel(unit.frame, (), complete=False)
            ledger.put_answer(Answer(f"{person}-{name}", name, said, kind, 3.0, person))
