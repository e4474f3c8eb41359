"""What people answered last, and second thoughts: an answered frame in the hands of who answered it once more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from al_core.errors import StaleLease, UnknownName
from al_core.ledger.labelling.labels import LABELS_FRAME, masks_of_answer, newest_revision
from al_core.ledger.labelling.leases import (
    Task,
    drop_leases,
    held_by,
    lease_again,
    save_draft,
    task_with,
    under_review,
)
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, reads, writes
from al_core.records import FrameRef, LabelKind


@dataclass(frozen=True, slots=True)
class AnsweredFrame:
    """A frame that a person answered, with the number of objects in it and when that was, UTC without zone."""

    request_id: str
    frame: FrameRef
    kind: LabelKind
    n_masks: int
    answered_at: datetime


class RevisionOperations(Operations):
    """Answers that count, and changing one's own."""

    @reads
    def last_answers(self, annotator: str, most: int) -> list[AnsweredFrame]:
        """Return what a person answered last, the newest first; answers that were taken back or replaced by somebody
        else, and those to questions that only check people, are not among them."""
        rows = self._rows(_LAST, [annotator, most])
        return [AnsweredFrame(r, FrameRef(v, f), LabelKind(k), *rest) for r, v, f, k, *rest in rows]

    @writes
    def reopen(self, request_id: str, annotator: str, seconds: float) -> Task:
        """Put an answered frame into the hands of who answered it; an answer that says all that is in the frame is the
        draft.

        The answer stands until another one takes its place; nobody else gets the frame, and no round waits for it. What
        else the person had in hand goes back to the queue. Doing so twice is doing it once.

        Args:
            seconds: how long the lease lasts.

        Raises:
            UnknownName: this person has no answer to such a request.
            StaleLease: the frame is asked again, or not any more, or somebody reviews the answer now.
        """
        with self._connector.transaction() as connection:
            row = connection.execute(_OWN, [request_id, annotator]).fetchone()
            if row is None:
                raise UnknownName("answered frame", request_id, ())
            answer_id, spent, status, whole = row
            if status != "done":
                raise StaleLease(f"the answer to {request_id} cannot be changed: its request is {status}")
            held = held_by(connection, annotator)
            if held is not None and held.request_id == request_id:
                return task_with(connection, held, annotator)
            if (reviewer := under_review(connection, request_id)) is not None:
                raise StaleLease(f"{reviewer} is reviewing the answer to {request_id} now: try again later", reviewer)
            drop_leases(connection, annotator)
            lease = lease_again(connection, request_id, annotator, now() + timedelta(seconds=seconds))
            task = task_with(connection, lease, annotator)
            if task.draft is None and whole:
                masks = masks_of_answer(connection, answer_id)
                save_draft(connection, request_id, annotator, masks, spent or 0.0)
                task = task_with(connection, lease, annotator)
            log(connection, annotator, "reopen", request_id, str(newest_revision(connection, request_id)))
            return task


_PURPOSES = "purpose IN ('label', 'holdout')"

_LAST = f"""
SELECT request_id, a.video_id, a.frame_idx, a.kind,
    (SELECT count(*) FROM label l WHERE l.answer_id = a.answer_id AND track_id > 0), a.created_at
FROM answer_current a JOIN label_request r USING (request_id)
WHERE annotator = ? AND status = 'done' AND {_PURPOSES} ORDER BY a.created_at DESC, request_id LIMIT ?
"""

_OWN = f"""
SELECT answer_id, seconds, status, {LABELS_FRAME} FROM answer_current a JOIN label_request USING (request_id)
WHERE request_id = ? AND annotator = ? AND {_PURPOSES}
"""
