import subprocess
import sys

import pytest

from al_core.errors import LedgerConflict
from tasks.processes import is_run, only_run

HOLD = """
import sys
from pathlib import Path
from tasks.processes import only_run
with only_run(Path(sys.argv[1])):
    print("at work", flush=True)
    sys.stdin.read()
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
    with (
        pytest.raises(
            LedgerConflict, match=rf"process {other.pid} runs the rounds of .* already. Wait until it is done"
        ),
        only_run(tmp_path),
    ):
        pass


def test_who_ends_or_is_killed_makes_room(tmp_path, other):
    assert is_run(tmp_path)
    other.kill()
    other.wait()
    assert not is_run(tmp_path)
    for _ in range(2):
        with only_run(tmp_path):
            pass
