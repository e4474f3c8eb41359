"""Frames that nobody asked for: an object was carried to them from a frame in hand, and the person corrected it."""

from dataclasses import replace

from al_core.errors import BadLabel, StaleLease
from al_core.ledger.labelling.labels import store_answer
from al_core.ledger.labelling.leases import Purpose, question_of
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, writes
from al_core.records import Answer


class TrackedOperations(Operations):
    """Answers to requests that a person made while tracking."""

    @writes
    def put_tracked(self, answer: Answer) -> str:
        """Store what a person corrected in another frame of the video than the one asked for; returns the request that
        is made for it. The same answer again is acknowledged again.

        The request belongs to the round of the frame that the object was carried from. Rounds do not wait for it, and
        learn from its answer as from any label. Where it says all that is in the frame, nobody else is asked for that
        one: open requests for it end, unless somebody has them in hand.

        Args:
            answer: its ``request_id`` is that of the frame which the person has in hand, had in hand or answered.

        Raises:
            UnknownName: there is no such request.
            StaleLease: it never was this person's.
            BadLabel: the request measures people or quality, the frame is in another video, not there or held out, or
                the masks do not fit.
        """
        with self._connector.transaction() as connection:
            known = connection.execute(
                "SELECT request_id, annotator FROM answer WHERE answer_id = ?", [answer.answer_id]
            ).fetchone()
            if known is not None and known[1] != answer.annotator:
                raise BadLabel(f"the id {answer.answer_id!r} belongs to another answer; make a new one")
            if known is not None:
                return str(known[0])
            question, frame = question_of(connection, answer.request_id), answer.label.frame
            origin = question.request
            if not connection.execute(_HAD, [origin.request_id, answer.annotator] * 2).fetchone():
                raise StaleLease(f"{origin.request_id} was never in your hands: nothing can be tracked from it")
            if question.purpose not in (Purpose.LABEL, Purpose.TRACKED):
                raise BadLabel(f"{origin.request_id} measures what people and models do: nothing is tracked from it")
            where = {"video": frame.video_id, "frame": frame.frame_idx}
            if frame.video_id != origin.frame.video_id or not connection.execute(_THERE, where).fetchone():
                raise BadLabel(f"objects are tracked within the video of {origin.request_id}, got {frame}")
            if connection.execute(_HELD_OUT, where).fetchone():
                raise BadLabel(f"frame {frame.frame_idx} is held out: it measures quality, and is labelled unseen")
            request_id = f"tracked-{answer.answer_id}"
            row = where | {"id": request_id, "round": origin.round_id, "kind": answer.kind.value, "now": now()}
            connection.execute(_ASK, row | {"reason": f"Tracked from frame {origin.frame.frame_idx}."})
            store_answer(connection, replace(answer, request_id=request_id), 0)
            if answer.label.complete:
                connection.execute(_CLOSE, where | {"origin": origin.request_id, "now": now()})
            log(connection, answer.annotator, "track", request_id, origin.request_id)
            return request_id


_HAD = """
SELECT 1 FROM lease WHERE request_id = ? AND annotator = ?
UNION ALL SELECT 1 FROM answer WHERE request_id = ? AND annotator = ? LIMIT 1
"""

_THERE = "SELECT 1 FROM video WHERE video_id = $video AND $frame BETWEEN 0 AND n_frames - 1"

_HELD_OUT = "SELECT 1 FROM holdout WHERE video_id = $video AND frame_idx = $frame"

_CLOSE = """
UPDATE label_request SET status = 'replaced', updated_at = $now WHERE video_id = $video AND frame_idx = $frame
    AND status = 'open' AND purpose = 'label' AND request_id <> $origin
    AND request_id NOT IN (SELECT request_id FROM lease WHERE token <> '' AND expires_at > $now)
"""

_ASK = """
INSERT INTO label_request(request_id, round_id, video_id, frame_idx, rank, reason, status, created_at, updated_at, kind,
    purpose) VALUES ($id, $round, $video, $frame, 0, $reason, 'done', $now, $now, $kind, 'tracked')
"""
