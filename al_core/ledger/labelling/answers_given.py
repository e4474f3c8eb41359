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
    def answers_given(
        self, about: str | None = None, usable: bool = False, purpose: str | None = None, round_id: int | None = None
    ) -> list[GivenAnswer]:
        """Return the newest answer to every request and every check that was not taken back, in the order of their
        arrival.

        Args:
            about: only those to this request, and to checks that are compared with it.
            usable: without those that wait for an approval.
            purpose, round_id: only answers to questions of this purpose, and of this round.
        """
        # In this order, masks and questions of all the answers are there, also while others store more.
        with self._connector.session():
            answers = self._rows(
                "SELECT answer_id, request_id, kind, seconds, annotator, complete, coalesce(absent, []), gestures "
                f"FROM answer_current WHERE {_ABOUT} "
                "AND (NOT $4 OR answer_id IN (SELECT answer_id FROM answer_usable)) "
                "ORDER BY created_at, answer_id",
                [about, purpose, round_id, usable],
            )
            rows = self._rows(
                "SELECT answer_id, track_id, category_id, height, width, rle_counts, attributes FROM label JOIN video "
                f"USING (video_id) WHERE answer_id IN (SELECT answer_id FROM answer WHERE {_ABOUT}) ORDER BY 1, 2",
                [about, purpose, round_id],
            )
            requests = self._rows(
                "SELECT request_id, round_id, video_id, frame_idx, rank, reason, kind, purpose, original_id "
                "FROM label_request r WHERE $1 IS NULL OR r.request_id = $1 OR r.original_id = $1",
                [about],
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


_ABOUT = """request_id IN (SELECT request_id FROM label_request r WHERE ($1 IS NULL OR r.request_id = $1
    OR r.original_id = $1) AND ($2 IS NULL OR r.purpose = $2) AND ($3 IS NULL OR r.round_id = $3))"""
