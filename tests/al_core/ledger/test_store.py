"""The ledger as a whole: one file, many groups of operations."""

import subprocess
import sys
from collections import Counter

import pytest

from al_core.ledger.store import Ledger

OPEN = "from al_core.ledger.store import Ledger; from pathlib import Path; Ledger(Path({path!r}), patience=0).videos()"


def elsewhere(ledger):
    """Open the file in another process; returns what that says on its error output."""
    code = OPEN.format(path=str(ledger.path))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr


def test_the_file_and_its_folder_are_made(tmp_path):
    ledger = Ledger(tmp_path / "deep" / "in" / "ledger.duckdb")
    assert ledger.videos() == []
    assert ledger.path.is_file()


@pytest.mark.parametrize("how", ["held", "owned"])
def test_other_processes_wait_until_the_block_ends(tmp_path, how):
    ledger = Ledger(tmp_path / "ledger.duckdb")
    with getattr(ledger, how)():
        assert "LedgerBusy" in elsewhere(ledger)
        assert ledger.add_categories(["car"]) == {"car": 1}
    assert elsewhere(ledger) == ""


def test_no_two_groups_define_the_same_operation():
    groups = [group for group in Ledger.__mro__ if group.__name__.endswith("Operations")]
    names = Counter(name for group in groups for name in vars(group) if not name.startswith("__"))
    assert len(groups) > 10
    assert [name for name, times in names.items() if times > 1] == []
