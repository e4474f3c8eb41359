import json
import subprocess
import sys

import duckdb
import pytest

from al_core.errors import LedgerCorrupt, NewerLedger
from tasks.project import probes
from tests.toys.ledgers import ledger_with_clip


def asked(*questions):
    """What the process of the probes answers, and its exit code."""
    command = [sys.executable, "-m", "tasks.project.probes", json.dumps(questions)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()], done


def test_a_package_reports_its_version_and_one_that_is_not_there_is_named():
    assert probes.imports("duckdb") == duckdb.__version__
    assert probes.imports("textwrap") == ""
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        probes.imports("no_such_package")


def test_what_a_library_prints_does_not_come_through(tmp_path, monkeypatch):
    (tmp_path / "chatty.py").write_text("import os\nprint('hello')\nos.system('echo hello')\n__version__ = '7'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    answers, done = asked(("imports", "chatty"), ("imports", "nothing"))
    assert answers[0] == {"ok": True, "detail": "7"}
    assert (answers[1]["ok"], answers[1]["detail"].startswith("ModuleNotFoundError")) == (False, True)
    assert "hello" not in done.stdout + done.stderr


def test_a_library_that_ends_the_process_leaves_the_rest_unanswered(tmp_path, monkeypatch):
    (tmp_path / "leaves.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    answers, done = asked(("imports", "json"), ("imports", "leaves"), ("imports", "csv"))
    assert (len(answers), done.returncode) == (1, 7)


def test_one_that_raises_a_way_out_is_a_finding(tmp_path, monkeypatch):
    (tmp_path / "quits.py").write_text("raise SystemExit('no licence')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    answers, done = asked(("imports", "quits"), ("imports", "csv"))
    assert answers[0] == {"ok": False, "detail": "SystemExit: no licence"}
    assert (answers[1]["ok"], done.returncode) == (True, 0)


class TestCodecs:
    def test_they_work_here(self):
        assert probes.codecs("") in [f"H.264 is read, mp4 is written with {name}" for name in probes.ENCODERS]

    def test_without_an_encoder_it_says_which_are_looked_for(self, monkeypatch):
        monkeypatch.setattr(probes, "ENCODERS", ("no_such_encoder", "h264_of_nobody"))
        with pytest.raises(RuntimeError, match="no mp4 encoder .no_such_encoder or h264_of_nobody"):
            probes.codecs("")


def test_the_device_is_named():
    import torch

    assert ("CPU" in probes.gpu("")) is not torch.cuda.is_available()


def test_operators_that_do_not_work_are_a_finding(monkeypatch):
    from mmcv import ops

    assert probes.mmcv_operators("").startswith("work on cpu")
    monkeypatch.setattr(ops, "nms", lambda boxes, scores, _: (boxes, (scores > 0).nonzero().flatten()))
    with pytest.raises(RuntimeError, match=r"on cpu kept boxes \[0, 1\], expected \[0\]"):
        probes.mmcv_operators("")


class TestLedger:
    def test_it_is_read_and_left_as_it_is(self, tmp_path):
        ledger = ledger_with_clip(tmp_path)
        before = ledger.path.read_bytes()
        detail = probes.ledger(str(ledger.path))
        assert "schema version" in detail
        assert detail.endswith("0 rounds")
        assert ledger.path.read_bytes() == before

    def test_one_of_a_newer_version_says_so(self, tmp_path):
        ledger = ledger_with_clip(tmp_path)
        with duckdb.connect(str(ledger.path)) as connection:
            connection.execute("INSERT INTO schema_version VALUES (999, 'future', '', now(), '9.0')")
        with pytest.raises(NewerLedger, match="has schema version 999, made by fewframes 9.0"):
            probes.ledger(str(ledger.path))

    def test_one_of_an_older_version_says_that_it_grows(self, tmp_path):
        ledger = ledger_with_clip(tmp_path)
        with duckdb.connect(str(ledger.path)) as connection:
            connection.execute("DELETE FROM schema_version WHERE version > 1")
        assert "schema version 1, which grows to" in probes.ledger(str(ledger.path))

    @pytest.mark.parametrize("content", [b"", b"this is no ledger" * 1000])
    def test_a_file_that_is_none_says_so(self, tmp_path, content):
        path = tmp_path / "ledger.duckdb"
        path.write_bytes(content)
        with pytest.raises(LedgerCorrupt):
            probes.ledger(str(path))

    def test_one_in_use_is_no_fault(self, tmp_path):
        ledger = ledger_with_clip(tmp_path)
        with duckdb.connect(str(ledger.path)):
            ((answer,), _) = asked(("ledger", str(ledger.path)))
        assert answer["ok"]
        assert "in use by another process" in answer["detail"]
