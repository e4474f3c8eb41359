import subprocess
import sys
import time
from pathlib import Path

import pytest

from al_core.errors import LedgerConflict
from tasks.processes.children import begun, is_run, only_run

HOLD = """
import sys
from pathlib import Path
from tasks.processes.children import only_run
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


OWN = """
import sys
from pathlib import Path
from tasks.processes.children import begun
output = Path(sys.argv[1]).open("ab")
print(begun([sys.executable, "-c", "import time; time.sleep(100)"], output).pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its owner")
def test_a_child_ends_with_an_owner_that_is_killed(tmp_path):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWN, str(tmp_path / "out.log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(owner.stdout.readline())
    assert is_alive(child)
    owner.kill()
    owner.communicate()
    deadline = time.monotonic() + 60
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_child_has_its_words_and_its_output(tmp_path):
    with (tmp_path / "out.log").open("wb") as output:
        child = begun([sys.executable, "-c", "import sys; print(sys.argv[1:])", "two words", "-S"], output)
    assert child.wait(60) == 0
    assert (tmp_path / "out.log").read_text() == "['two words', '-S']\n"


def test_a_program_that_is_not_there_is_told(tmp_path):
    with (tmp_path / "out.log").open("wb") as output, pytest.raises(FileNotFoundError, match="there is no program"):
        begun(["/no/such/program"], output)


def is_alive(pid):
    """Whether a process runs; one that ended and that nobody has asked after does not."""
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
