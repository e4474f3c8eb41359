import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from al_core.errors import RunLocked
from al_core.ledger.file.owner import Owner, write_owner
from al_core.ledger.file.signature import Signature
from tasks.processes.children import NICENESS
from tasks.processes.run_lock import held, holder, is_held, is_run, only_run, run_lock
from tests.toys.ledgers import ledger_with_clip

HOLD = """
import sys
from pathlib import Path
from tasks.processes.run_lock import only_run
with only_run(Path(sys.argv[1])):
    print("at work", flush=True)
    sys.stdin.read()
"""

LOOK = """
import sys
from pathlib import Path
from tasks.processes.run_lock import is_run
print(is_run(Path(sys.argv[1])))
"""


@pytest.fixture
def other(tmp_path):
    """A process that runs the rounds of ``tmp_path``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "at work\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_and_told_who_is_at_work(tmp_path, other):
    told = rf"process {other.pid} already runs the rounds of .* Wait until it is done"
    with pytest.raises(RunLocked, match=told), only_run(tmp_path):
        pass


def test_a_process_that_ends_or_is_killed_makes_room(tmp_path, other):
    assert is_run(tmp_path)
    other.kill()
    other.wait()
    assert not is_run(tmp_path)
    for _ in range(2):
        with only_run(tmp_path):
            assert is_run(tmp_path)


def test_a_run_gives_way_to_the_process_that_serves_the_project(tmp_path):
    served = ledger_with_clip(tmp_path).path
    serving = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    by = replace(Signature.of(served), pid=serving.pid)
    told = HOLD.replace('"at work"', '__import__("os").nice(0)')
    try:
        for owner, expected in ((None, os.nice(0)), (by, max(os.nice(0), NICENESS))):
            if owner is not None:
                write_owner(served, Owner(owner, "http://127.0.0.1:1", "secret", "one"))
            words = [sys.executable, "-c", told, str(tmp_path)]
            assert int(subprocess.check_output(words, stdin=subprocess.DEVNULL)) == expected
    finally:
        serving.communicate(b"")


def test_a_look_leaves_no_file_behind(tmp_path):
    assert not is_run(tmp_path)
    assert is_held(run_lock(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_look_changes_nothing_and_needs_no_right_to_write(tmp_path, other):
    path = run_lock(tmp_path)
    path.chmod(0o444)
    assert is_run(tmp_path)
    assert holder(path) == other.pid


def test_looks_keep_nobody_from_running(tmp_path):
    """While others look all the time, a lock that is free is always had at the first try."""
    run_lock(tmp_path).touch()
    over = threading.Event()

    def look():
        while not over.is_set():
            is_run(tmp_path)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            with only_run(tmp_path):
                pass
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_another_process_sees_a_lock_and_its_end(tmp_path):
    def seen():
        command = [sys.executable, "-c", LOOK, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with only_run(tmp_path):
        assert seen() == "True\n"
        is_run(tmp_path)
        assert seen() == "True\n"
    assert seen() == "False\n"


def test_whoever_waits_gets_the_lock_when_it_is_released(tmp_path):
    path, order = tmp_path / "lock", []

    def second():
        with held(path, wait=True):
            order.append("second")

    with held(path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


def test_the_file_names_the_process_and_shows_its_heartbeat(tmp_path):
    path = tmp_path / "lock"
    assert holder(path) == 0
    path.write_text("gone, and much longer than a number")
    assert (holder(path), is_held(path)) == (0, False)
    os.utime(path, (1, 1))
    with held(path):
        assert holder(path) == os.getpid()
        assert path.stat().st_mtime > 1


def test_a_lock_that_was_copied_with_its_folder_names_nobody_to_kill(tmp_path):
    path, copy = tmp_path / "lock", tmp_path / "copy"
    with held(path):
        shutil.copy(path, copy)
        assert (holder(copy), is_held(copy)) == (0, False)


def test_a_run_in_another_container_is_named_with_its_host_and_has_no_number_here(tmp_path):
    path = run_lock(tmp_path)
    with only_run(tmp_path):
        noted = json.loads(path.read_text()) | {"numbers": "pid:[1]", "host": "web-1", "pid": 7}
        path.write_text(json.dumps(noted))
        assert holder(path) == 0
        with pytest.raises(RunLocked, match="process 7 of host web-1 already runs"), only_run(tmp_path):
            pass
