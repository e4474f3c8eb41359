"""The ledger's tables, grown by numbered migrations; each is applied once, inside a transaction.

A ledger that exists gets each in one of its own, a new one gets all of them in one.

Habits that DuckDB rewards, measured: no secondary indexes and no foreign keys; no primary key on ``prediction``
(``prediction_batch`` is its manifest); states are text that the code checks; times are UTC ``TIMESTAMP`` and come
from the caller. Paths are relative to the project folder, so that a project can be moved.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import duckdb

from al_core.errors import LedgerCorrupt
from al_core.fingerprint import code_version

_M001_LOOP = """
CREATE TABLE category(category_id INTEGER PRIMARY KEY, name VARCHAR NOT NULL UNIQUE);
CREATE TABLE video(
    video_id INTEGER PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, uri VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL UNIQUE, fps_numerator BIGINT NOT NULL, fps_denominator BIGINT NOT NULL,
    n_frames INTEGER NOT NULL CHECK (n_frames > 0), height INTEGER NOT NULL, width INTEGER NOT NULL,
    rotation INTEGER NOT NULL, variable_fps BOOLEAN NOT NULL, identities VARCHAR NOT NULL,
    added_at TIMESTAMP NOT NULL);
CREATE TABLE frame(video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, time_us BIGINT NOT NULL, file VARCHAR);
CREATE TABLE truth_frame(video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL);
CREATE TABLE truth(
    video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, track_id INTEGER NOT NULL, category_id INTEGER NOT NULL,
    rle_counts BLOB NOT NULL);
CREATE TABLE round(
    round_id INTEGER PRIMARY KEY, status VARCHAR NOT NULL, settings JSON NOT NULL, settings_sha256 VARCHAR NOT NULL,
    seed BIGINT NOT NULL, stop_reason VARCHAR, flow_run_id VARCHAR, started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP);
CREATE TABLE step(
    round_id INTEGER NOT NULL, name VARCHAR NOT NULL, inputs_sha256 VARCHAR NOT NULL, status VARCHAR NOT NULL,
    attempts INTEGER NOT NULL, result JSON, seconds DOUBLE, started_at TIMESTAMP NOT NULL, finished_at TIMESTAMP,
    PRIMARY KEY (round_id, name));
CREATE TABLE training_curve(round_id INTEGER NOT NULL, iteration INTEGER NOT NULL, loss DOUBLE NOT NULL,
    learning_rate DOUBLE NOT NULL);
CREATE TABLE prediction_batch(
    round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, n_rows INTEGER NOT NULL, path VARCHAR NOT NULL,
    written_at TIMESTAMP NOT NULL, PRIMARY KEY (round_id, video_id));
CREATE TABLE prediction(
    round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, uncertainty FLOAT NOT NULL,
    n_objects INTEGER NOT NULL, class_entropy FLOAT NOT NULL, mutual_information FLOAT NOT NULL,
    box_spread FLOAT NOT NULL, mask_disagreement FLOAT NOT NULL, existence_disagreement FLOAT NOT NULL,
    temporal_inconsistency FLOAT NOT NULL);
CREATE TABLE selection(
    round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, rank INTEGER NOT NULL,
    score DOUBLE NOT NULL, strategy VARCHAR NOT NULL, reason VARCHAR NOT NULL,
    PRIMARY KEY (round_id, video_id, frame_idx));
CREATE TABLE label_request(
    request_id VARCHAR PRIMARY KEY, round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL,
    rank INTEGER NOT NULL, reason VARCHAR NOT NULL, status VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL);
CREATE TABLE answer(
    answer_id VARCHAR PRIMARY KEY, request_id VARCHAR NOT NULL, revision INTEGER NOT NULL, round_id INTEGER NOT NULL,
    video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, kind VARCHAR NOT NULL, seconds DOUBLE NOT NULL,
    annotator VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL, UNIQUE (request_id, revision));
CREATE TABLE label(
    answer_id VARCHAR NOT NULL, video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, track_id INTEGER NOT NULL,
    category_id INTEGER NOT NULL, rle_counts BLOB NOT NULL);
CREATE TABLE delivered_batch(
    round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, path VARCHAR NOT NULL, n_covered INTEGER NOT NULL,
    written_at TIMESTAMP NOT NULL, PRIMARY KEY (round_id, video_id));
CREATE TABLE delivered(
    round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, provenance VARCHAR NOT NULL, n_frames INTEGER NOT NULL,
    n_masks INTEGER NOT NULL, mean_confidence DOUBLE NOT NULL, PRIMARY KEY (round_id, video_id, provenance));
CREATE TABLE quality(
    round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, track_id INTEGER, provenance VARCHAR NOT NULL,
    metric VARCHAR NOT NULL, value DOUBLE NOT NULL, n_frames INTEGER NOT NULL);
CREATE VIEW answer_current AS
    SELECT * FROM answer QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY revision DESC) = 1;
"""

_M002_KINDS = """
ALTER TABLE selection ADD COLUMN kind VARCHAR DEFAULT 'mask';
ALTER TABLE selection ADD COLUMN control BOOLEAN DEFAULT false;
ALTER TABLE label_request ADD COLUMN kind VARCHAR DEFAULT 'mask';
"""

_M003_PEOPLE = """
CREATE TABLE annotator(
    name VARCHAR PRIMARY KEY, role VARCHAR NOT NULL, revoked BOOLEAN NOT NULL, created_at TIMESTAMP NOT NULL);
CREATE TABLE access_key(
    key_id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, kind VARCHAR NOT NULL, secret_sha256 VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL, expires_at TIMESTAMP NOT NULL);
CREATE TABLE audit_log(
    happened_at TIMESTAMP NOT NULL, who VARCHAR NOT NULL, action VARCHAR NOT NULL, subject VARCHAR NOT NULL,
    detail VARCHAR NOT NULL);
ALTER TABLE label_request ADD COLUMN purpose VARCHAR DEFAULT 'label';
ALTER TABLE label_request ADD COLUMN original_id VARCHAR;
CREATE TABLE lease(
    request_id VARCHAR PRIMARY KEY, annotator VARCHAR NOT NULL, token VARCHAR NOT NULL, expires_at TIMESTAMP NOT NULL);
CREATE TABLE draft(
    request_id VARCHAR NOT NULL, annotator VARCHAR NOT NULL, base_revision INTEGER NOT NULL, seconds DOUBLE NOT NULL,
    masks VARCHAR NOT NULL, saved_at TIMESTAMP NOT NULL, PRIMARY KEY (request_id, annotator));
CREATE TABLE set_aside(
    request_id VARCHAR NOT NULL, annotator VARCHAR NOT NULL, how VARCHAR NOT NULL, reason VARCHAR NOT NULL,
    happened_at TIMESTAMP NOT NULL, PRIMARY KEY (request_id, annotator, how));
CREATE TABLE withdrawal(
    answer_id VARCHAR PRIMARY KEY, annotator VARCHAR NOT NULL, withdrawn_at TIMESTAMP NOT NULL);
DROP VIEW answer_current;
CREATE VIEW answer_current AS
    SELECT * FROM answer WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal)
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY revision DESC) = 1;
"""

_M004_SIGHT = """
ALTER TABLE step ADD COLUMN code VARCHAR DEFAULT '';
ALTER TABLE step ADD COLUMN error VARCHAR DEFAULT '';
CREATE TABLE delivered_category(
    round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, provenance VARCHAR NOT NULL, category_id INTEGER NOT NULL,
    n_masks BIGINT NOT NULL);
"""

_M005_STEERING = """
ALTER TABLE step ADD COLUMN settings JSON;
CREATE TABLE wanted(
    wanted_id INTEGER PRIMARY KEY, source VARCHAR NOT NULL, settings JSON NOT NULL, wanted_at TIMESTAMP NOT NULL);
CREATE TABLE pause(
    pause_id INTEGER PRIMARY KEY, who VARCHAR NOT NULL, paused_at TIMESTAMP NOT NULL, resumed_by VARCHAR,
    resumed_at TIMESTAMP);
"""

_M006_DEPTH = """
ALTER TABLE video ADD COLUMN bits INTEGER DEFAULT 16;
"""

_M007_UPGRADES = """
ALTER TABLE schema_version ADD COLUMN made_by VARCHAR DEFAULT '';
ALTER TABLE step ADD COLUMN form INTEGER DEFAULT 1;
"""

_M008_PINS = """
CREATE TABLE student_pin(
    pin_id INTEGER PRIMARY KEY, round_id INTEGER, who VARCHAR NOT NULL, pinned_at TIMESTAMP NOT NULL);
"""

_M009_CONTENT = """
DROP VIEW answer_current;
ALTER TABLE answer ALTER COLUMN seconds DROP NOT NULL;
ALTER TABLE answer ADD COLUMN import_id INTEGER;
CREATE VIEW answer_current AS
    SELECT * FROM answer WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal)
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY revision DESC) = 1;
CREATE TABLE import(
    import_id INTEGER PRIMARY KEY, purpose VARCHAR NOT NULL, files VARCHAR[] NOT NULL, author VARCHAR NOT NULL,
    n_frames INTEGER NOT NULL, n_masks INTEGER NOT NULL, imported_at TIMESTAMP NOT NULL);
CREATE TABLE prelabel(
    video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, track_id INTEGER NOT NULL, category_id INTEGER NOT NULL,
    rle_counts BLOB NOT NULL, import_id INTEGER NOT NULL);
CREATE TABLE holdout(
    video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, added_by VARCHAR NOT NULL, added_at TIMESTAMP NOT NULL,
    PRIMARY KEY (video_id, frame_idx));
ALTER TABLE quality ADD COLUMN reference VARCHAR DEFAULT 'truth';
"""

_M010_CURATION = """
CREATE TABLE category_detail(
    category_id INTEGER PRIMARY KEY, colour VARCHAR NOT NULL, description VARCHAR NOT NULL, key VARCHAR NOT NULL,
    example BLOB);
CREATE TABLE category_end(
    category_id INTEGER NOT NULL, into_id INTEGER, who VARCHAR NOT NULL, ended_at TIMESTAMP NOT NULL,
    revived_at TIMESTAMP);
CREATE TABLE guide(
    guide_id INTEGER PRIMARY KEY, text VARCHAR NOT NULL, who VARCHAR NOT NULL, written_at TIMESTAMP NOT NULL);
CREATE TABLE video_category(video_id INTEGER NOT NULL, place INTEGER NOT NULL, category_id INTEGER NOT NULL);
CREATE TABLE video_priority(video_id INTEGER PRIMARY KEY, priority INTEGER NOT NULL);
CREATE TABLE video_assignee(video_id INTEGER NOT NULL, annotator VARCHAR NOT NULL);
CREATE TABLE exclusion(
    video_id INTEGER NOT NULL, who VARCHAR NOT NULL, reason VARCHAR NOT NULL, excluded_at TIMESTAMP NOT NULL,
    included_at TIMESTAMP);
CREATE TABLE purge(purged_id INTEGER PRIMARY KEY, who VARCHAR NOT NULL, purged_at TIMESTAMP NOT NULL);
"""

_M011_EVIDENCE = """
DROP VIEW answer_current;
ALTER TABLE answer ADD COLUMN absent INTEGER[];
ALTER TABLE answer ADD COLUMN gestures JSON;
ALTER TABLE answer ADD COLUMN complete BOOLEAN DEFAULT true;
CREATE VIEW answer_current AS
    SELECT * FROM answer WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal)
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY revision DESC) = 1;
"""

_M012_SHOTS = """
CREATE TABLE shot_search(video_id INTEGER PRIMARY KEY, from_round INTEGER NOT NULL, searched_at TIMESTAMP NOT NULL);
CREATE TABLE still(video_id INTEGER NOT NULL, first_frame INTEGER NOT NULL, last_frame INTEGER NOT NULL);
CREATE TABLE cut(
    cut_id INTEGER PRIMARY KEY, video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, stands BOOLEAN NOT NULL,
    from_round INTEGER NOT NULL, noted_by VARCHAR NOT NULL, noted_at TIMESTAMP NOT NULL);
"""

_M013_AUDITS = """
CREATE TABLE audit_sample(
    round_id INTEGER NOT NULL, draw INTEGER NOT NULL, seed BIGINT NOT NULL, iou DOUBLE NOT NULL, asked JSON NOT NULL,
    population VARCHAR NOT NULL, strata JSON NOT NULL, drawn_at TIMESTAMP NOT NULL, PRIMARY KEY (round_id, draw));
CREATE TABLE audit_unit(
    round_id INTEGER NOT NULL, draw INTEGER NOT NULL, place INTEGER NOT NULL, video_id INTEGER NOT NULL,
    frame_idx INTEGER NOT NULL, track_id INTEGER NOT NULL, grade VARCHAR NOT NULL, inclusion DOUBLE NOT NULL,
    category_id INTEGER NOT NULL, provenance VARCHAR NOT NULL, confidence DOUBLE NOT NULL, pair BOOLEAN NOT NULL);
CREATE TABLE audit_answer(
    round_id INTEGER NOT NULL, video_id INTEGER NOT NULL, frame_idx INTEGER NOT NULL, track_id INTEGER NOT NULL,
    grade VARCHAR NOT NULL, person VARCHAR NOT NULL, answer_id VARCHAR NOT NULL, good BOOLEAN, j DOUBLE, f DOUBLE,
    missed INTEGER, seconds DOUBLE NOT NULL, answered_at TIMESTAMP NOT NULL, number BIGINT NOT NULL,
    PRIMARY KEY (round_id, video_id, frame_idx, track_id, grade, answer_id));
CREATE TABLE certificate(
    number INTEGER PRIMARY KEY, certificate_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, round_id INTEGER NOT NULL,
    content JSON NOT NULL, made_at TIMESTAMP NOT NULL);
"""

# No view here is made of another: copies make views in an order of their own.
_M014_REVIEWS = """
CREATE TABLE review(
    review_id VARCHAR PRIMARY KEY, request_id VARCHAR NOT NULL, answer_id VARCHAR NOT NULL, reviewer VARCHAR NOT NULL,
    verdict VARCHAR NOT NULL, correction VARCHAR, seconds DOUBLE NOT NULL, reviewed_at TIMESTAMP NOT NULL);
CREATE TABLE agreement(
    answer_id VARCHAR NOT NULL, other_id VARCHAR NOT NULL, likeness DOUBLE NOT NULL, compared_at TIMESTAMP NOT NULL,
    PRIMARY KEY (answer_id, other_id));
CREATE TABLE note(
    note_id VARCHAR PRIMARY KEY, request_id VARCHAR NOT NULL, who VARCHAR NOT NULL, text VARCHAR NOT NULL,
    written_at TIMESTAMP NOT NULL);
CREATE VIEW review_rule AS
    SELECT round_id, coalesce(json_extract_string(settings, '$.annotator.review'), 'none') AS mode,
        coalesce(json_extract_string(settings, '$.annotator.review_share')::DOUBLE, 1.0) AS share
    FROM round;
CREATE VIEW answer_reviewed AS
    SELECT coalesce(correction, answer_id) AS answer_id, min(reviewed_at) FILTER (verdict <> 'returned') AS approved_at
    FROM review GROUP BY 1;
CREATE VIEW answer_usable AS
    WITH rule AS (SELECT round_id, coalesce(json_extract_string(settings, '$.annotator.review'), 'none') AS mode
        FROM round),
    approved AS (SELECT coalesce(correction, answer_id) AS answer_id, min(reviewed_at) AS approved_at FROM review
        WHERE verdict <> 'returned' GROUP BY 1)
    SELECT a.answer_id, CASE WHEN coalesce(own.mode, (SELECT arg_max(mode, round_id) FROM rule)) = 'before'
        AND import_id IS NULL AND purpose IN ('label', 'holdout', 'tracked') THEN approved_at
        ELSE a.created_at END AS since
    FROM answer a JOIN label_request r USING (request_id) LEFT JOIN rule own ON own.round_id = r.round_id
        LEFT JOIN approved v ON v.answer_id = a.answer_id
    WHERE since IS NOT NULL;
CREATE VIEW review_due AS
    WITH rule AS (SELECT round_id, coalesce(json_extract_string(settings, '$.annotator.review'), 'none') AS mode,
        coalesce(json_extract_string(settings, '$.annotator.review_share')::DOUBLE, 1.0) AS share FROM round),
    newest AS (SELECT answer_id, request_id, annotator, created_at, import_id FROM answer
        WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal)
        QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY revision DESC) = 1)
    SELECT a.answer_id, a.request_id, a.annotator, a.created_at,
        (SELECT min(likeness) FROM agreement g WHERE g.answer_id = a.answer_id) AS likeness
    FROM newest a JOIN label_request r USING (request_id) LEFT JOIN rule own ON own.round_id = r.round_id
    WHERE r.status = 'done' AND a.import_id IS NULL AND purpose IN ('label', 'holdout', 'tracked')
        AND coalesce(own.mode, (SELECT arg_max(mode, round_id) FROM rule)) <> 'none'
        AND ('0x' || substr(md5('review ' || a.request_id), 1, 8))::UBIGINT
            < coalesce(own.share, (SELECT arg_max(share, round_id) FROM rule)) * 4294967296
        AND a.answer_id NOT IN (SELECT coalesce(correction, answer_id) FROM review);
CREATE VIEW returned AS
    SELECT r.request_id, a.annotator, a.answer_id, v.reviewed_at FROM review v JOIN answer a USING (answer_id)
        JOIN label_request r ON r.request_id = v.request_id
    WHERE verdict = 'returned' AND r.status = 'open'
        AND a.revision = (SELECT max(revision) FROM answer b WHERE b.request_id = v.request_id);
"""

_M015_AUDIT_REQUESTS = """
CREATE TABLE audit_request(
    request_id VARCHAR PRIMARY KEY, round_id INTEGER NOT NULL, draw INTEGER NOT NULL, track_id INTEGER NOT NULL,
    grade VARCHAR NOT NULL, iou DOUBLE NOT NULL);
CREATE TABLE audit_estimate(
    round_id INTEGER NOT NULL, scope VARCHAR NOT NULL, metric VARCHAR NOT NULL, grade VARCHAR NOT NULL,
    value DOUBLE NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL, n INTEGER NOT NULL, effective_n DOUBLE NOT NULL,
    population INTEGER NOT NULL, unanswered INTEGER NOT NULL, as_of TIMESTAMP NOT NULL);
"""

_M016_CARRIED_AUDITS = """
CREATE TABLE audit_carried(
    name VARCHAR PRIMARY KEY, round_id INTEGER NOT NULL, request_id VARCHAR NOT NULL, video_id INTEGER NOT NULL);
"""

_M017_ATTRIBUTES = """
ALTER TABLE label ADD COLUMN attributes VARCHAR[];
"""

_M018_PRELABEL_ATTRIBUTES = """
ALTER TABLE prelabel ADD COLUMN attributes VARCHAR[];
"""

_M019_TAGS = """
CREATE TABLE category_tag(
    tag_id INTEGER PRIMARY KEY, video_id INTEGER NOT NULL, first_frame INTEGER NOT NULL, last_frame INTEGER NOT NULL,
    category_id INTEGER NOT NULL, present BOOLEAN, said_by VARCHAR NOT NULL, seconds DOUBLE,
    said_at TIMESTAMP NOT NULL);
"""

_M020_UNCHANGED = """
ALTER TABLE prediction_batch ADD COLUMN made_from VARCHAR DEFAULT '';
ALTER TABLE delivered_batch ADD COLUMN made_from VARCHAR DEFAULT '';
ALTER TABLE delivered_batch ADD COLUMN calibration VARCHAR DEFAULT '';
"""

MIGRATIONS: tuple[tuple[int, str, str], ...] = (
    (1, "loop", _M001_LOOP),
    (2, "kinds", _M002_KINDS),
    (3, "people", _M003_PEOPLE),
    (4, "sight", _M004_SIGHT),
    (5, "steering", _M005_STEERING),
    (6, "depth", _M006_DEPTH),
    (7, "upgrades", _M007_UPGRADES),
    (8, "pins", _M008_PINS),
    (9, "content", _M009_CONTENT),
    (10, "curation", _M010_CURATION),
    (11, "evidence", _M011_EVIDENCE),
    (12, "shots", _M012_SHOTS),
    (13, "audits", _M013_AUDITS),
    (14, "reviews", _M014_REVIEWS),
    (15, "audit requests", _M015_AUDIT_REQUESTS),
    (16, "carried audits", _M016_CARRIED_AUDITS),
    (17, "attributes", _M017_ATTRIBUTES),
    (18, "attributes of prelabels", _M018_PRELABEL_ATTRIBUTES),
    (19, "tags of categories", _M019_TAGS),
    (20, "what is unchanged", _M020_UNCHANGED),
)
"""(version, name, SQL), in order. A released migration is never edited: the schema grows by another."""

_VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_version(
    version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL);
"""

NEWEST = MIGRATIONS[-1][0]
_KNOWS_ITS_MAKER = 7


class Schema(NamedTuple):
    """The schema of a ledger.

    Attributes:
        version: of the newest migration; 0 for a database without any table of ours.
        made_by: version of the code that applied it; empty where that was not noted yet.
    """

    version: int
    made_by: str = ""


def migrate(connection: duckdb.DuckDBPyConnection, up_to: int | None = None) -> int:
    """Bring the schema to the newest version; returns how many migrations were applied.

    Args:
        up_to: stop at this version, to make a ledger as an older fewframes wrote it.

    Raises:
        LedgerCorrupt: a migration was edited after it was applied.
    """
    applied = schema_of(connection).version
    pending = [m for m in MIGRATIONS if m[0] > applied and (up_to is None or m[0] <= up_to)]
    if applied == 0:
        # Of an empty database nothing can be half done; one commit takes half as long as one for each migration.
        _apply(connection, pending)
    else:
        for migration in pending:
            _apply(connection, [migration])
    return len(pending)


def _apply(connection: duckdb.DuckDBPyConnection, migrations: Sequence[tuple[int, str, str]]) -> None:
    """Apply some migrations and note them, in one transaction."""
    connection.execute("BEGIN")
    try:
        connection.execute(_VERSIONS)
        for _, _, sql in migrations:
            connection.execute(sql)
        _note(connection, migrations)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _note(connection: duckdb.DuckDBPyConnection, migrations: Sequence[tuple[int, str, str]]) -> None:
    """Add the rows of some migrations; what they say of themselves stands in the statement, as values cost time."""
    values = {"now": datetime.now(UTC).replace(tzinfo=None), "made_by": code_version()}
    before = [f"({v}, '{name}', '{_sha256(sql)}', $now)" for v, name, sql in migrations if v < _KNOWS_ITS_MAKER]
    since = [
        f"({v}, '{name}', '{_sha256(sql)}', $now, $made_by)" for v, name, sql in migrations if v >= _KNOWS_ITS_MAKER
    ]
    if before:
        columns = "version, name, sha256, applied_at"
        connection.execute(f"INSERT INTO schema_version({columns}) VALUES {', '.join(before)}", {"now": values["now"]})
    if since:
        connection.execute(f"INSERT INTO schema_version VALUES {', '.join(since)}", values)


def schema_of(connection: duckdb.DuckDBPyConnection) -> Schema:
    """Return the schema of an open database, which may be a later one than this version knows; nothing is changed.

    Raises:
        LedgerCorrupt: a migration was edited after it was applied.
    """
    try:
        found = connection.execute("SELECT * FROM schema_version ORDER BY version").fetchall()
    except duckdb.CatalogException:
        return Schema(0)
    known = {version: _sha256(sql) for version, _, sql in MIGRATIONS}
    for version, _, sha256, *_ in found:
        if known.get(version, sha256) != sha256:
            raise LedgerCorrupt(f"schema version {version} of the ledger is not the one that this fewframes knows")
    version = found[-1][0] if found else 0
    return Schema(version, found[-1][-1]) if version >= _KNOWS_ITS_MAKER else Schema(version)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
