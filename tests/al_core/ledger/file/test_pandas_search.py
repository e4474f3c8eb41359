"""No query searches for pandas where it is not installed, and who looks for it finds out as ever."""

import importlib
import sys
from importlib.util import find_spec

import pytest

from al_core.ledger.file.pandas_search import _NotThere
from al_core.ledger.store import Ledger


def test_a_query_with_arguments_searches_no_folder_for_pandas(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger.duckdb")
    ledger.add_categories(["cat"])
    searched = []

    class Search:
        @staticmethod
        def find_spec(name, path=None, target=None):
            searched.append(name)

    monkeypatch.setattr(sys, "meta_path", [_NotThere, Search, *(f for f in sys.meta_path if f is not _NotThere)])
    assert ledger.requests(1, "open") == []
    assert "pandas" not in searched
    with pytest.raises(ModuleNotFoundError, match="No module named 'pandas'"):
        importlib.import_module("pandas")
    assert (find_spec("pandas"), "pandas" in searched) == (None, True)
