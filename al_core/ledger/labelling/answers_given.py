"""Questions that check people, and answers together with the questions that they are answers to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from al_core.ledger.labelling.leases import Purpose, Question
from al_core.ledger.operations import Operations, mask_of, now, reads, request_of, writes
from al_core.records import Answer, FrameLabel, Gesture, LabelKind, LabelRequest, MaskLabel


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What somebody answered, and to which question."""

    answer: Answer
    question: Question


class GivenOperations(Operations):
    """Questions that check people, and all answers."""

    @writes
    def put_checks(self, checks: Sequence[LabelRequest], purpose: Purpose, originals: Sequence[str]) -> int:
        """Store questions that check people, unless they are there; returns how many were new.

        Each goes to somebody else than gave the answer it is compared with, once there is one, and lapses when the
        next round begins.

        Args:
            originals: for each, the request whose answer it is compared with.
        """
        with self._connector.transaction() as connection:
            new = 0
            for check, original in zip(checks, originals, strict=True):
                row = [check.request_id, check.round_id, check.frame.video_id, check.frame.frame_idx, check.rank]
                row += [check.reason, now(), now(), check.kind.value, purpose.value, original]
                stored = connection.execute(
                    "INSERT INTO label_request(request_id, round_id, video_id, frame_idx, rank, reason, status, "
                    "created_at, updated_at, kind, purpose, original_id) "
                    "VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING request_id",
                    row,
                ).fetchone()
                new += stored is not None
            return new

    @reads
    def answers_given(self) -> list[GivenAnswer]:
        """Return the newest answer to every request and every check that was not taken back, in the order of their
        arrival."""
        # In this order, masks and questions of all the answers are there, also while others store more.
        with self._connector.session():
            answers = self._rows(
                "SELECT answer_id, request_id, kind, seconds, annotator, complete, coalesce(absent, []), gestures "
                "FROM answer_current "
                "ORDER BY created_at, answer_id"
            )
            rows = self._rows(
                "SELECT answer_id, track_id, category_id, height, width, rle_counts FROM label JOIN video "
                "USING (video_id) ORDER BY 1, 2"
            )
            requests = self._rows(
                "SELECT request_id, round_id, video_id, frame_idx, rank, reason, kind, purpose, original_id "
                "FROM label_request"
            )
        masks: dict[str, list[MaskLabel]] = {}
        for answer_id, *mask in rows:
            masks.setdefault(answer_id, []).append(mask_of(*mask))
        asked = {row[0]: request_of(*row[:-2]) for row in requests}
        questions = {
            i: Question(asked[i], Purpose(purpose), asked[original or i]) for i, *_, purpose, original in requests
        }
        found = []
        for answer_id, request_id, kind, seconds, annotator, complete, absent, gestures in answers:
            label = FrameLabel(asked[request_id].frame, tuple(masks.get(answer_id, ())), complete, tuple(absent))
            made = None if gestures is None else tuple(map(Gesture.from_json, json.loads(gestures)))
            given = Answer(answer_id, request_id, label, LabelKind(kind), seconds, annotator, made)
            found.append(GivenAnswer(given, questions[request_id]))
        return found
