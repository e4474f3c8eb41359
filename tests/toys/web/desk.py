"""A small project with a queue, served to people in the test's process."""

from contextlib import ExitStack, contextmanager
from uuid import uuid4

from fastapi.testclient import TestClient

from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.records import DeliveredMask, FrameRef, LabelKind, LabelRequest, MaskLabel, Provenance, Selected
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.web.app import create_app
from tasks.web.state import WebContext
from tests.toys.labelled_project import N_FRAMES, mask_at, new_project
from tests.toys.ledgers import kept_open

ADDRESS = "http://127.0.0.1"
CHANGING = {"X-Fewframes": "1"}


class Desk:
    """A project of one 6-frame clip; round 1 delivered a square in every frame, round 2 asks for some of them."""

    def __init__(self, project, ledger, settings):
        self.project, self.ledger = project, ledger
        self.answered = []
        ledger.begin_round(settings)
        path = project.round_dir(1) / "delivered" / "00001.parquet"
        summary = write_delivered(path, [delivered(i) for i in range(N_FRAMES)])
        ledger.put_delivered(1, 1, project.relative(path), N_FRAMES, summary)
        ledger.finish_round(1, None)
        ledger.begin_round(settings)
        self.app = create_app(WebContext(project, ledger, answered=self.answered.append))

    def ask(self, *frames, round_id=2):
        """Requests for these frames in this order."""
        requests = [LabelRequest.of(round_id, selected(f, rank)) for rank, f in enumerate(frames)]
        self.ledger.put_requests(requests)
        return requests

    def person(self, name, role=Role.ANNOTATOR):
        """Somebody who signed in by a link."""
        client = TestClient(self.app, base_url=ADDRESS, headers=CHANGING)
        assert client.post("/enter", json={"token": self.ledger.add_annotator(name, role)}).status_code == 200
        return client


@contextmanager
def desk(folder, **changes):
    """A desk whose ledger this process owns.

    Args:
        changes: settings of both rounds by their name in the section "annotator".
    """
    settings = Settings().changed({"annotator.backend": "page"} | {f"annotator.{k}": v for k, v in changes.items()})
    with ExitStack() as stack:
        with kept_open():
            project, *_ = new_project(folder)
            ledger = Ledger(project.ledger_path, patience=5)
            stack.enter_context(ledger.owned())
        yield Desk(project, ledger, settings)


def selected(frame_idx, rank=0):
    return Selected(FrameRef(1, frame_idx), rank, 0.5, "the teachers disagree", LabelKind.MASK)


def delivered(frame_idx):
    rle = encode(mask_at(frame_idx))
    return DeliveredMask(frame_idx, 1, 1, Provenance.PROPAGATED, 0.75, rle)


def square(frame_idx, track_id=1):
    """What a person draws."""
    return MaskLabel(track_id, 1, encode(mask_at(frame_idx)))


def sent(masks):
    """Masks as the page sends them."""
    return [{"track_id": m.track_id, "category_id": m.category_id, "rle": m.rle.to_coco()} for m in masks]


def answer(task, masks, kind="mask", seconds=12.5):
    """An answer to a task as the page sends it."""
    return {
        "lease": task["lease"]["token"],
        "answer_id": str(uuid4()),
        "base_revision": task["base_revision"],
        "kind": kind,
        "seconds": seconds,
        "masks": masks,
    }
