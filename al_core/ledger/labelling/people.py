"""Who labels, what they may do, how they prove who they are, and what they did.

A person gets a link that holds a key; whoever shows it may open sessions, which are keys that expire. A key is
``id.secret``: the id is looked up, the secret is compared in constant time with its hash, and only the hash is stored.
"""

import hashlib
import hmac
import re
import secrets
import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import duckdb

from al_core.errors import BadPerson, UnknownName
from al_core.ledger.file.remembered import rows_of
from al_core.ledger.operations import Operations, now, reads, writes

_NAME = re.compile(r"[\w][\w .@+-]{0,63}")
_KEY = re.compile(r"[0-9a-f]{16}\.[A-Za-z0-9_-]{43}")
_NEVER = datetime(9999, 1, 1)
_WITH_ACCESS = "SELECT name, role, revoked, created_at FROM annotator WHERE NOT revoked"
_LONGEST_DETAIL = 500


class Role(StrEnum):
    """What a person may do: a viewer reads the dashboard, an annotator labels, a reviewer does both, a lead all."""

    VIEWER = "viewer"
    ANNOTATOR = "annotator"
    REVIEWER = "reviewer"
    LEAD = "lead"

    def covers(self, other: "Role") -> bool:
        """Tell whether this role may do what another one may."""
        if self in (Role.VIEWER, Role.ANNOTATOR):
            return self is other
        return other is not Role.LEAD or self is Role.LEAD


@dataclass(frozen=True, slots=True)
class Annotator:
    """A person who labels, or looks on."""

    name: str
    role: Role
    revoked: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Something that somebody did (``action``: "signed in", "submit"...), or was "refused".

    Who, the subject (e.g. a request) and the detail may be empty.
    """

    happened_at: datetime
    who: str
    action: str
    subject: str
    detail: str


class PeopleOperations(Operations):
    """People, their keys, and the log of what they did."""

    @writes
    def add_annotator(self, name: str, role: Role = Role.ANNOTATOR) -> str:
        """Add a person, or take back somebody whose access was revoked; returns the key, which is not kept.

        Raises:
            BadPerson: the name is in use, or cannot be used.
        """
        if not _NAME.fullmatch(name) or name != name.strip():
            raise BadPerson(f"a name has 1 to 64 letters, digits, spaces or any of . _ @ + -, got {name!r}")
        with self._connector.transaction() as connection:
            query = "SELECT name FROM annotator WHERE lower(name) = lower($1) AND NOT revoked ORDER BY name <> $1"
            if (found := connection.execute(query, [name]).fetchone()) is not None:
                but = "" if found[0] == name else f", which differs from {name!r} by capital letters"
                link = f"fewframes annotator link {shlex.quote(found[0])}"
                raise BadPerson(f"{found[0]!r} is there already{but}; a new link: {link}")
            connection.execute(
                "INSERT INTO annotator VALUES ($name, $role, false, $now) "
                "ON CONFLICT DO UPDATE SET role = $role, revoked = false",
                {"name": name, "role": role.value, "now": now()},
            )
            log(connection, name, "added", detail=role.value)
            return _new_key(connection, name, "link", _NEVER)

    @writes
    def renew_link(self, name: str) -> str:
        """Make a new key for somebody's link; the old one and all sessions end. Returns the key, which is not kept.

        Raises:
            UnknownName: there is nobody of that name, or the access was revoked.
        """
        with self._connector.transaction() as connection:
            person_of(connection, name)
            _end_keys(connection, name)
            log(connection, name, "new link")
            return _new_key(connection, name, "link", _NEVER)

    @writes
    def share_link(self, name: str, key: str) -> None:
        """Let a key of :func:`made_key`, which opens other projects too, be somebody's link; the old one and all
        sessions end.

        Raises:
            UnknownName: there is nobody of that name, or the access was revoked.
            BadPerson: it is no such key.
        """
        if not _KEY.fullmatch(key):
            raise BadPerson("expected a key as fewframes makes them, got another text")
        with self._connector.transaction() as connection:
            person_of(connection, name)
            _end_keys(connection, name)
            log(connection, name, "new link", detail="for several projects")
            _keep_key(connection, key, name, "link", _NEVER)

    @writes
    def revoke_annotator(self, name: str) -> None:
        """End somebody's access at once; what they labelled stays, what they hold goes back to the queue.

        Raises:
            UnknownName: there is nobody of that name, or the access was revoked before.
        """
        with self._connector.transaction() as connection:
            person_of(connection, name)
            connection.execute("UPDATE annotator SET revoked = true WHERE name = ?", [name])
            connection.execute("UPDATE lease SET token = '', expires_at = ? WHERE annotator = ?", [now(), name])
            _end_keys(connection, name)
            log(connection, name, "revoked")

    @reads
    def annotators(self) -> list[Annotator]:
        """Return everybody by name, those whose access was revoked too."""
        rows = self._rows("SELECT name, role, revoked, created_at FROM annotator ORDER BY name")
        return [_annotator(row) for row in rows]

    @writes
    def sign_in(self, key: str, seconds: float) -> str | None:
        """Open a session of some seconds for the holder of a link's key.

        Returns:
            The session's key, which is not kept; None when the link's key is not good.
        """
        with self._connector.transaction() as connection:
            person = _holder(connection, key, "link")
            if person is None:
                return None
            log(connection, person.name, "signed in")
            return _new_key(connection, person.name, "session", now() + timedelta(seconds=seconds))

    @writes
    def sign_out(self, key: str) -> None:
        """End a session; one that is over already stays so."""
        with self._connector.transaction() as connection:
            person = _holder(connection, key, "session")
            if person is not None:
                connection.execute("UPDATE access_key SET expires_at = ? WHERE key_id = ?", [now(), _id_of(key)])
                log(connection, person.name, "signed out")

    @reads
    def session_holder(self, key: str) -> Annotator | None:
        """Return whose session a key is; None when it is nobody's, over, or its holder's access was revoked."""
        with self._connector.session() as connection:
            return _holder(connection, key, "session")

    @writes
    def log_action(self, who: str, action: str, subject: str = "", detail: str = "") -> None:
        """Note what somebody did, or was refused; long details are cut."""
        with self._connector.transaction() as connection:
            log(connection, who, action, subject, detail)

    @reads
    def audit_log(self, limit: int = 100, who: str | None = None) -> list[LogEntry]:
        """Return what was done, perhaps only by one person, newest first; answers come from their own rows."""
        rows = self._rows(
            "SELECT happened_at, who, action, subject, detail FROM (SELECT *, rowid AS place FROM audit_log "
            "UNION ALL SELECT created_at, annotator, 'submit', request_id, "
            "coalesce(format('{}, {:.1f} s', kind, seconds), kind), "
            "rowid FROM answer) WHERE $1 IS NULL OR who = $1 ORDER BY happened_at DESC, place DESC LIMIT $2",
            [who, limit],
        )
        return [LogEntry(*row) for row in rows]


def log(connection: duckdb.DuckDBPyConnection, who: str, action: str, subject: str = "", detail: str = "") -> None:
    """Add a line to the log, within a transaction."""
    row = [now(), who, action, subject[:_LONGEST_DETAIL], detail[:_LONGEST_DETAIL]]
    connection.execute("INSERT INTO audit_log VALUES (?, ?, ?, ?, ?)", row)


def person_of(connection: duckdb.DuckDBPyConnection, name: str) -> Annotator:
    """Return somebody who has access, by name.

    Raises:
        UnknownName: there is nobody of that name, or the access was revoked.
    """
    by_name = {row[0]: row for row in rows_of(connection, _WITH_ACCESS)}
    if name not in by_name:
        raise UnknownName("annotator", name, by_name)
    return _annotator(by_name[name])


def made_key() -> str:
    """Make a key that nobody can guess."""
    return f"{secrets.token_hex(8)}.{secrets.token_urlsafe(32)}"


def _new_key(connection: duckdb.DuckDBPyConnection, name: str, kind: str, expires_at: datetime) -> str:
    key = made_key()
    _keep_key(connection, key, name, kind, expires_at)
    return key


def _keep_key(connection: duckdb.DuckDBPyConnection, key: str, name: str, kind: str, expires_at: datetime) -> None:
    row = [_id_of(key), name, kind, _sha256(key.partition(".")[2]), now(), expires_at]
    connection.execute("INSERT INTO access_key VALUES (?, ?, ?, ?, ?, ?)", row)


def _end_keys(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    at = now()
    connection.execute("UPDATE access_key SET expires_at = ? WHERE name = ? AND expires_at > ?", [at, name, at])


def _holder(connection: duckdb.DuckDBPyConnection, key: str, kind: str) -> Annotator | None:
    if not _KEY.fullmatch(key):
        return None
    query = "SELECT secret_sha256, name, expires_at FROM access_key WHERE key_id = ? AND kind = ?"
    row = next((row for row in rows_of(connection, query, [_id_of(key), kind]) if row[2] > now()), None)
    # A key that is not there costs the same comparison.
    expected = row[0] if row is not None else _sha256(key)
    if not hmac.compare_digest(_sha256(key.partition(".")[2]), expected) or row is None:
        return None
    person = next((found for found in rows_of(connection, _WITH_ACCESS) if found[0] == row[1]), None)
    return None if person is None else _annotator(person)


def _annotator(row: tuple[Any, ...]) -> Annotator:
    name, role, revoked, created_at = row
    return Annotator(name, Role(role), revoked, created_at)


def _id_of(key: str) -> str:
    return key.partition(".")[0]


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
