import json
import signal
import subprocess
import sys
import textwrap

import pytest

from al_core.errors import OutOfMemory
from tasks.processes.memory import killed_for_memory, memory_kills, noted

EVENTS = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"


class TestKills:
    @pytest.fixture
    def machine(self, tmp_path):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "vmstat").write_text("pgfault 12\noom_kill 7\n")
        return tmp_path

    def test_this_machine_tells(self):
        kills = memory_kills()
        assert kills is None or kills >= 0

    def test_those_of_the_own_container_count(self, machine):
        (machine / "proc" / "self" / "cgroup").write_text("0::/box/one\n")
        group = machine / "sys" / "fs" / "cgroup" / "box" / "one"
        group.mkdir(parents=True)
        (group / "memory.events").write_text(EVENTS)
        assert memory_kills(machine) == 2

    def test_without_one_those_of_the_machine(self, machine):
        (machine / "proc" / "self" / "cgroup").write_text("4:memory:/box\n0::/\n")
        assert memory_kills(machine) == 7

    def test_a_system_that_does_not_tell(self, tmp_path):
        assert memory_kills(tmp_path) is None


@pytest.mark.parametrize(
    ("code", "more", "expected"), [(-signal.SIGKILL, 1, True), (-signal.SIGKILL, 0, False), (1, 1, False)]
)
def test_a_child_that_was_killed_for_memory_is_told_from_one_that_was_killed(code, more, expected):
    kills = memory_kills()
    assert killed_for_memory(code, None) is False
    if kills is not None:
        assert killed_for_memory(code, kills - more) is expected


def test_a_child_that_crashed_counts_where_memory_is_limited():
    code = (
        "import resource, signal; from tasks.processes.memory import killed_for_memory\n"
        "told = killed_for_memory(-signal.SIGSEGV, None)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**40, resource.RLIM_INFINITY))\n"
        "print(told, killed_for_memory(-signal.SIGSEGV, None))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


class TestNoted:
    def test_nobody_was_there_before(self, tmp_path):
        with noted(tmp_path / "note") as killed:
            assert killed is None
            assert (tmp_path / "note").is_file()
        assert not (tmp_path / "note").exists()

    def test_a_process_that_was_killed_by_somebody_is_none_that_ran_out_of_memory(self, tmp_path):
        code = (
            "import os, signal; from pathlib import Path; from tasks.processes.memory import noted\n"
            f"with noted(Path({str(tmp_path / 'note')!r})): os.kill(os.getpid(), signal.SIGKILL)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
        assert (tmp_path / "note").is_file()
        with noted(tmp_path / "note") as killed:
            assert killed is None

    @pytest.mark.parametrize(
        ("change", "recognised"),
        [({"kills": -1}, True), ({"kills": -1, "boot": "another"}, False), ({"kills": None}, False)],
    )
    def test_what_the_system_counted_since_tells(self, tmp_path, change, recognised):
        note = tmp_path / "note"
        with noted(note):
            told = json.loads(note.read_text())
        note.write_text(json.dumps(told | change))
        with noted(note) as killed:
            assert isinstance(killed, OutOfMemory) == recognised

    @pytest.mark.parametrize(("limit", "recognised"), [("2**40", True), ("resource.RLIM_INFINITY", False)])
    def test_a_crash_where_memory_is_limited_is_one_of_memory(self, tmp_path, limit, recognised):
        # A library that gets no memory may go on without it, and crash.
        code = (
            "import ctypes, resource; from pathlib import Path; from tasks.processes.memory import noted\n"
            f"resource.setrlimit(resource.RLIMIT_AS, ({limit}, resource.RLIM_INFINITY))\n"
            f"with noted(Path({str(tmp_path / 'note')!r})): ctypes.string_at(0)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGSEGV
        with noted(tmp_path / "note") as killed:
            assert isinstance(killed, OutOfMemory) == recognised
            assert "Segmentation fault" in str(killed) or not recognised
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '{"process": "x"}'])
    def test_a_damaged_note_tells_nothing(self, tmp_path, text):
        (tmp_path / "note").write_text(text)
        with noted(tmp_path / "note") as killed:
            assert killed is None


@pytest.mark.parametrize("taking", ["bytearray(2**33)", "numpy.empty(2**33)", "torch.empty(2**33)", "cv2.resize(*BIG)"])
def test_a_process_that_really_runs_out_is_recognised_whichever_library_says_so(taking):
    code = textwrap.dedent(
        f"""
        import resource, numpy
        {"import torch" if "torch" in taking else ""}
        {"import cv2" if "cv2" in taking else ""}
        from al_core.errors import OutOfMemory
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, resource.RLIM_INFINITY))
        BIG = (numpy.zeros((9, 9, 3), numpy.uint8), (30_000, 30_000))
        try:
            {taking}
        except Exception as error:
            print(OutOfMemory.seen_in(error), type(error).__name__, error)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("True"), done.stdout + done.stderr
