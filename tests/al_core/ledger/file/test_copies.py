"""A copy of the ledger is of one moment, complete, and made while others write."""

import json
import threading

import duckdb
import pytest

from al_core.ledger.store import Ledger
from al_core.settings import Settings


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "it's a ledger.duckdb")
    ledger.add_categories(["cell"])
    return ledger


def test_a_copy_is_a_ledger_with_its_constraints(ledger, tmp_path):
    ledger.copy_to(str(tmp_path / "copy.duckdb"))
    copy = Ledger(tmp_path / "copy.duckdb")
    assert copy.categories() == ledger.categories() == {1: "cell"}
    assert copy.add_categories(["cell", "cat"]) == {"cell": 1, "cat": 2}
    assert ledger.categories() == {1: "cell"}


def test_what_is_published_has_every_table_and_view(ledger, tmp_path):
    (tmp_path / "parquet").mkdir()
    tables = ledger.publish_to(str(tmp_path / "copy.duckdb"), str(tmp_path / "parquet"))
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as copy:
        assert copy.execute("FROM category").fetchall() == [(1, "cell")]
        assert copy.execute("FROM answer_current").fetchall() == []
    assert sorted(p.stem for p in (tmp_path / "parquet").iterdir()) == sorted(tables)
    assert duckdb.sql(f"FROM '{tmp_path / 'parquet' / 'category.parquet'}'").fetchall() == [(1, "cell")]


def in_order(settings):
    """Settings as text, whatever order their names have."""
    return json.dumps(settings, sort_keys=True)


def test_an_address_that_may_be_a_secret_is_not_published(ledger, tmp_path):
    ledger.want(Settings())
    ledger.want(Settings().changed({"notify.url": "https://hooks.example.org/s3cret"}))
    ledger.begin_round(ledger.wanted())
    ledger.publish_to(str(tmp_path / "copy.duckdb"), str(tmp_path))
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as copy:
        stored = [json.loads(text) for (text,) in copy.execute("SELECT settings FROM wanted ORDER BY 1").fetchall()]
    wanted = [s.shown() for s in (Settings(), ledger.wanted())]
    assert sorted(stored, key=in_order) == sorted(wanted, key=in_order)
    for name in ("wanted", "round"):
        assert "s3cret" not in str(duckdb.sql(f"FROM '{tmp_path / f'{name}.parquet'}'").fetchall())
    assert ledger.wanted().notify.url.endswith("s3cret")


def test_an_owner_copies_while_its_other_threads_write(ledger, tmp_path):
    """Each copy holds the categories up to some moment, none of them torn."""
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            ledger.add_categories([f"a{number}", f"b{number}"])
            number += 1

    with ledger.owned():
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(5):
                (tmp_path / str(number)).mkdir()
                ledger.publish_to(str(tmp_path / f"{number}.duckdb"), str(tmp_path / str(number)))
        finally:
            stop.set()
            writer.join()
    for number in range(5):
        with duckdb.connect(str(tmp_path / f"{number}.duckdb"), read_only=True) as copy:
            names = {name for (name,) in copy.execute("SELECT name FROM category").fetchall()}
        assert {n[1:] for n in names if n[0] == "a"} == {n[1:] for n in names if n[0] == "b"}


def test_a_failed_copy_leaves_the_ledger_as_it_was(ledger, tmp_path):
    with pytest.raises(duckdb.Error):
        ledger.publish_to(str(tmp_path / "copy.duckdb"), str(tmp_path / "no such folder"))
    assert ledger.add_categories(["cat"]) == {"cell": 1, "cat": 2}
