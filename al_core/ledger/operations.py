"""What all groups of ledger operations share."""

from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from al_core.ledger.connection import Connector


class Operations:
    """A group of typed operations over one ledger file."""

    _connector: Connector


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Append rows; columns are matched by name."""
    connection.register("incoming", rows)
    try:
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    finally:
        connection.unregister("incoming")


def now() -> datetime:
    """The time as the ledger keeps it: UTC, without zone."""
    return datetime.now(UTC).replace(tzinfo=None)
