import os
import subprocess
import sys

import pytest

from al_core.errors import FewframesError, LedgerBusy
from al_core.ledger.store import Ledger
from tests.toys.ledgers import ledger_with_clip


@pytest.fixture
def pair(tmp_path):
    """A ledger, and the one of a copy by hard links."""
    ledger = ledger_with_clip(tmp_path / "work")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in ledger.path.parent.iterdir():
        os.link(file, copy / file.name)
    return ledger, Ledger(copy / ledger.path.name, patience=0.2)


@pytest.mark.parametrize("order", [1, -1], ids=["original first", "copy first"])
def test_what_is_stored_in_a_copy_by_hard_links_is_not_in_the_original_nor_the_other_way(pair, order, caplog):
    for number, ledger in enumerate(pair[::order]):
        ledger.add_categories([f"kind {number}"])
    assert [list(ledger.categories().values()) for ledger in pair[::order]] == [
        ["object", "kind 0"],
        ["object", "kind 1"],
    ]
    assert "was shared with another folder by a hard link; it is a file of its own now" in caplog.text
    assert not os.path.samefile(pair[0].path, pair[1].path)


def test_a_log_that_is_shared_is_separated_too(tmp_path):
    """A process that was killed leaves its last changes in the log."""
    ledger = ledger_with_clip(tmp_path / "work")
    code = (
        "import os, sys; from pathlib import Path; from al_core.ledger.store import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "with ledger.owned(): ledger.add_categories(['car']); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(ledger.path)], check=True)
    log = ledger.path.with_name("ledger.duckdb.wal")
    before = log.read_bytes()
    (tmp_path / "copy").mkdir()
    for file in (ledger.path, log):
        os.link(file, tmp_path / "copy" / file.name)
    copy = Ledger(tmp_path / "copy" / ledger.path.name)
    copy.add_categories(["dog"])
    assert list(copy.categories().values()) == ["object", "car", "dog"]
    assert log.read_bytes() == before
    assert list(ledger.categories().values()) == ["object", "car"]


def test_while_the_original_is_open_nothing_is_done_to_the_shared_file(pair):
    code = (
        "import sys; from pathlib import Path; from al_core.ledger.store import Ledger\n"
        "with Ledger(Path(sys.argv[1])).owned(): print('open', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code, str(pair[1].path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        os.unlink(pair[0].path)
        os.link(pair[1].path, pair[0].path)
        with pytest.raises(LedgerBusy, match=f"in use by process {other.pid}"):
            Ledger(pair[0].path, patience=0.2).videos()
        assert os.path.samefile(pair[0].path, pair[1].path)
        other.stdin.close()


def test_a_symbolic_link_to_a_ledger_is_refused(tmp_path):
    ledger = ledger_with_clip(tmp_path / "work")
    (tmp_path / "copy").mkdir()
    link = tmp_path / "copy" / ledger.path.name
    link.symlink_to(ledger.path)
    with pytest.raises(FewframesError, match=r"is a link to .*work.ledger.duckdb.*: work in that folder"):
        Ledger(link).videos()
