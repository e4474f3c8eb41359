import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from al_core.ledger.file.signature import Signature, runs


@pytest.fixture
def file(tmp_path):
    (tmp_path / "work").mkdir()
    file = tmp_path / "work" / "ledger.duckdb"
    file.write_text("rows")
    return file


def test_a_note_is_about_the_file_it_was_written_for_and_about_no_copy(file, tmp_path):
    signature = Signature.of(file)
    assert signature.is_about(file)
    (tmp_path / "link").symlink_to(file.parent)
    assert signature.is_about(tmp_path / "link" / file.name)
    copy = shutil.copytree(file.parent, tmp_path / "copy") / file.name
    assert not signature.is_about(copy)
    os.link(file, tmp_path / "second name")
    assert not signature.is_about(tmp_path / "second name")


def test_nor_about_what_was_moved_restored_or_is_gone(file, tmp_path):
    signature = Signature.of(file)
    file.rename(tmp_path / "moved")
    assert not signature.is_about(tmp_path / "moved")
    assert not signature.is_about(file)
    (tmp_path / "rows of a backup").write_text("rows")
    shutil.copy(tmp_path / "rows of a backup", file)
    assert not signature.is_about(file)


def test_the_same_numbers_on_another_machine_or_after_a_restart_mean_another_file(file):
    assert not replace(Signature.of(file), kernel="another").is_about(file)


def test_it_names_the_process_and_the_host_only_where_its_number_means_nothing_here(file):
    here = Signature.of(file)
    assert (here.pid, here.who, here.runs()) == (os.getpid(), f"process {os.getpid()}", True)
    assert not replace(here, pid=2**22 + 1).runs()
    away = replace(here, numbers="pid:[1]", host="web-1", pid=2**22 + 1)
    assert (away.who, away.runs()) == (f"process {2**22 + 1} of host web-1", True)
    assert away.is_about(file)


def test_a_process_runs_until_it_ends():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert runs(process.pid)
    process.communicate()
    assert not runs(process.pid)
    assert runs(1)
