"""Take a video out of the ledger with everything that is known of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from al_core.errors import NotReady, UnknownName
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, reads, writes


@dataclass(frozen=True, slots=True)
class Traces:
    """What a project holds of one video.

    Attributes:
        paths: files of predictions and delivered masks, relative to the project folder.
        rows: number of rows by table.
        students: rounds whose students learned from its labels.
    """

    video_id: int
    name: str
    sha256: str
    uri: str
    paths: tuple[str, ...]
    rows: Mapping[str, int]
    students: tuple[int, ...]


class PurgeOperations(Operations):
    """Labels are never deleted otherwise."""

    @reads
    def traces(self, name: str) -> Traces:
        """Return what there is of a video.

        Raises:
            UnknownName: there is none of that name.
        """
        with self._connector.session() as connection:
            return _traces(connection, name)

    @writes
    def purge_video(self, name: str, who: str) -> Traces:
        """Delete every row that is about a video; returns what there was. Its number is not given again.

        Raises:
            UnknownName: there is none of that name.
            NotReady: a round is under way, whose steps would not find what they began with.
        """
        with self._connector.transaction() as connection:
            found = _traces(connection, name)
            under_way = connection.execute("SELECT round_id FROM round WHERE status = 'running'").fetchone()
            if under_way is not None:
                raise NotReady(
                    f"round {under_way[0]} is under way and may have begun with {name!r}: exclude the video now, and "
                    "purge it when the round is done or abandoned"
                )
            for statement in _BY_REQUEST:
                connection.execute(statement, {"video": found.video_id})
            connection.execute("DELETE FROM audit_log WHERE subject = ?", [name])
            for table in _tables(connection):
                connection.execute(f'DELETE FROM "{table}" WHERE video_id = $video', {"video": found.video_id})
            _forget_in_results(connection, found.video_id)
            connection.execute("INSERT INTO purge VALUES (?, ?, ?)", [found.video_id, who, now()])
            log(connection, who, "purge", f"video {found.video_id}", f"{sum(found.rows.values())} rows")
        return found


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the tables whose rows name a video."""
    rows = connection.execute(
        "SELECT table_name FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, table_name) "
        "WHERE column_name = 'video_id' AND database_name = current_database() ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows]


def _traces(connection: duckdb.DuckDBPyConnection, name: str) -> Traces:
    row = connection.execute("SELECT video_id, sha256, uri FROM video WHERE name = ?", [name]).fetchone()
    if row is None:
        known = connection.execute("SELECT name FROM video ORDER BY video_id").fetchall()
        raise UnknownName("video", name, [known_name for (known_name,) in known])
    video_id, sha256, uri = row
    counted = {
        table: connection.execute(f'SELECT count(*) FROM "{table}" WHERE video_id = ?', [video_id]).fetchall()[0][0]
        for table in _tables(connection)
    }
    paths = connection.execute(_PATHS, {"video": video_id}).fetchall()
    students = connection.execute(_STUDENTS, {"video": video_id}).fetchall()
    return Traces(
        *(video_id, name, sha256, uri),
        tuple(path for (path,) in paths),
        {table: n for table, n in counted.items() if n},
        tuple(number for (number,) in students),
    )


def _forget_in_results(connection: duckdb.DuckDBPyConnection, video_id: int) -> None:
    """Take a video out of the results of steps: the frames that were chosen, and the hashes of its files."""
    for round_id, step, stored in connection.execute("SELECT round_id, name, result FROM step").fetchall():
        result = json.loads(stored) if stored else None
        if isinstance(result, dict) and (changed := _without(result, video_id)) != result:
            connection.execute(
                "UPDATE step SET result = ? WHERE round_id = ? AND name = ?", [json.dumps(changed), round_id, step]
            )


def _without(result: Mapping[str, Any], video_id: int) -> dict[str, Any]:
    changed = dict(result)
    if isinstance(hashes := changed.get("hashes"), dict):
        changed["hashes"] = {video: sha256 for video, sha256 in hashes.items() if video != str(video_id)}
    if isinstance(frames := changed.get("frames"), list):
        changed["frames"] = [frame for frame in frames if frame[0] != video_id]
    return changed


_MINE = "(SELECT request_id FROM label_request WHERE video_id = $video)"

_BY_REQUEST = (
    f"DELETE FROM lease WHERE request_id IN {_MINE}",
    f"DELETE FROM draft WHERE request_id IN {_MINE}",
    f"DELETE FROM set_aside WHERE request_id IN {_MINE}",
    f"DELETE FROM review WHERE request_id IN {_MINE}",
    f"DELETE FROM note WHERE request_id IN {_MINE}",
    f"DELETE FROM audit_request WHERE request_id IN {_MINE}",
    "DELETE FROM agreement WHERE answer_id IN (SELECT answer_id FROM answer WHERE video_id = $video)",
    "DELETE FROM withdrawal WHERE answer_id IN (SELECT answer_id FROM answer WHERE video_id = $video)",
    f"DELETE FROM audit_log WHERE subject = 'video ' || $video OR subject IN {_MINE} "
    "OR subject IN (SELECT answer_id FROM answer WHERE video_id = $video)",
)

_PATHS = """
SELECT path FROM prediction_batch WHERE video_id = $video UNION SELECT path FROM delivered_batch WHERE video_id = $video
ORDER BY 1
"""

_STUDENTS = """
SELECT DISTINCT round_id FROM step WHERE name = 'train' AND status = 'finished' AND round_id >=
    (SELECT min(round_id) FROM answer WHERE video_id = $video AND kind <> 'reject') ORDER BY 1
"""
