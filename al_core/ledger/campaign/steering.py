"""What people decide about a campaign while it goes on: settings, giving a round up, pauses, and the student."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from al_core.errors import LedgerConflict, NotReady, UnknownName
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, reads, writes
from al_core.settings import Settings, parse_settings


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when a project is paused (UTC without zone), and by whom."""

    who: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What became of a round that was given up.

    Attributes:
        answers: that it had; they stay labels.
        open: requests that nobody is asked any more; ``in_hand`` of them are in somebody's hands, who may finish them.
    """

    round_id: int
    answers: int
    open: int
    in_hand: int


class SteeringOperations(Operations):
    """Settings for later rounds, rounds that are given up, pauses, and the student that works."""

    @writes
    def want(self, settings: Settings, source: str = "") -> None:
        """Keep the settings that the next round begins with.

        Args:
            source: names an asking that comes again with each scheduled run, and is to count once (see
                :meth:`last_source`); empty for a person's.
        """
        with self._connector.transaction() as connection:
            connection.execute(
                "INSERT INTO wanted SELECT coalesce(max(wanted_id), 0) + 1, ?, ?, ? FROM wanted",
                [source, settings.to_json(), now()],
            )

    @reads
    def wanted(self) -> Settings | None:
        """Return the settings that were asked for last; None where nobody asked, as in projects of earlier versions."""
        rows = self._rows("SELECT settings FROM wanted ORDER BY wanted_id DESC LIMIT 1")
        return parse_settings(rows[0][0]) if rows else None

    @reads
    def last_source(self) -> str:
        """Return the name of the newest asking that has one; empty where none has."""
        rows = self._rows("SELECT source FROM wanted WHERE source <> '' ORDER BY wanted_id DESC LIMIT 1")
        return rows[0][0] if rows else ""

    @writes
    def change_round(self, round_id: int, settings: Settings, who: str, changed: Collection[str]) -> None:
        """Let the steps of an unfinished round that are not done run with other settings; the others keep theirs.

        Args:
            who: for the audit log, as are the names of the settings that are ``changed``.

        Raises:
            LedgerConflict: the round is not under way.
        """
        with self._connector.transaction() as connection:
            connection.execute(
                "UPDATE step SET settings = (SELECT settings FROM round WHERE round_id = $1) "
                "WHERE round_id = $1 AND status = 'finished' AND settings IS NULL",
                [round_id],
            )
            done = connection.execute(
                "UPDATE round SET settings = ?, settings_sha256 = ?, seed = ? WHERE round_id = ? "
                "AND status = 'running' RETURNING round_id",
                [settings.to_json(), settings.sha256, settings.seed, round_id],
            ).fetchone()
            if done is None:
                raise LedgerConflict(f"round {round_id} is not under way, so its settings stay as they are")
            log(connection, who, "settings", f"round {round_id}", ", ".join(changed))

    @writes
    def abandon_round(self, who: str) -> Abandoned:
        """End the unfinished round, however far it is: later rounds are made as if it had delivered nothing.

        Its answers stay labels. Nobody is asked its open requests any more, but who has one in hand may finish it, and
        the answer counts. Of what was asked ahead, frames that nobody has in hand give way.

        Raises:
            NotReady: no round is under way.
        """
        with self._connector.transaction() as connection:
            row = connection.execute(
                "UPDATE round SET status = 'abandoned', finished_at = ? WHERE status = 'running' RETURNING round_id",
                [now()],
            ).fetchone()
            if row is None:
                raise NotReady("no round is under way, so there is none to abandon")
            names = {"round": row[0], "now": now()}
            ((answers, still_open, in_hand),) = connection.execute(_STATE_OF_ROUND, names).fetchall()
            connection.execute(
                "UPDATE label_request SET status = 'abandoned', updated_at = $now "
                "WHERE round_id = $round AND status = 'open'",
                names,
            )
            connection.execute(
                "UPDATE label_request SET status = 'replaced', updated_at = $now WHERE round_id > $round "
                f"AND status = 'open' AND NOT {_IN_HAND}",
                names,
            )
            log(connection, who, "abandon", f"round {row[0]}", f"{answers} answers stay labels")
        return Abandoned(row[0], answers, still_open, in_hand)

    @writes
    def pause(self, who: str) -> Pause:
        """Hand out no new frame and begin no new work; returns the pause, of this call or of an earlier one."""
        with self._connector.transaction() as connection:
            log(connection, who, "pause", "project")
            row = connection.execute(PAUSED).fetchone()
            if row is not None:
                return Pause(*row)
            pause = Pause(who, now())
            connection.execute(
                "INSERT INTO pause SELECT coalesce(max(pause_id), 0) + 1, ?, ?, NULL, NULL FROM pause",
                [pause.who, pause.since],
            )
        return pause

    @writes
    def resume(self, who: str) -> Pause | None:
        """End the pause; returns the one that ended, or None where there was none."""
        current = self.paused()
        if current is not None:
            with self._connector.transaction() as connection:
                connection.execute(
                    "UPDATE pause SET resumed_by = ?, resumed_at = ? WHERE resumed_at IS NULL", [who, now()]
                )
                log(connection, who, "resume", "project")
        return current

    @reads
    def paused(self) -> Pause | None:
        """Return since when the project is paused, and by whom; None where it is not."""
        rows = self._rows(PAUSED)
        return Pause(*rows[0]) if rows else None

    @writes
    def pin_student(self, round_id: int | None, who: str) -> None:
        """Let the student of a round work on new footage, and later rounds start from it; None for the newest again.

        Raises:
            UnknownName: the round has trained no student, or was abandoned.
        """
        with self._connector.transaction() as connection:
            if round_id is not None:
                known = [str(number) for (number,) in connection.execute(_WITH_STUDENT).fetchall()]
                if str(round_id) not in known:
                    raise UnknownName("round with a student", str(round_id), known)
            connection.execute(
                "INSERT INTO student_pin SELECT coalesce(max(pin_id), 0) + 1, ?, ?, ? FROM student_pin",
                [round_id, who, now()],
            )
            log(connection, who, "pin", "student", "the newest" if round_id is None else f"round {round_id}")

    @reads
    def pinned_student(self, round_id: int | None = None) -> int | None:
        """Return the round whose student is pinned; None where none is.

        Args:
            round_id: what held when that round began; None for now.
        """
        rows = self._rows(
            "SELECT round_id FROM student_pin WHERE $1 IS NULL "
            "OR pinned_at <= (SELECT started_at FROM round WHERE round.round_id = $1) ORDER BY pin_id DESC LIMIT 1",
            [round_id],
        )
        return rows[0][0] if rows else None


PAUSED = "SELECT who, paused_at FROM pause WHERE resumed_at IS NULL ORDER BY pause_id LIMIT 1"

_WITH_STUDENT = """
SELECT round_id FROM round JOIN step USING (round_id)
WHERE step.name = 'train' AND step.status = 'finished' AND round.status <> 'abandoned' ORDER BY round_id
"""

_IN_HAND = "request_id IN (SELECT request_id FROM lease WHERE token <> '' AND expires_at > $now)"

_STATE_OF_ROUND = f"""
SELECT count(*) FILTER (status = 'done'), count(*) FILTER (status = 'open'),
    count(*) FILTER (status = 'open' AND {_IN_HAND})
FROM label_request WHERE round_id = $round AND purpose = 'label'
"""
