import io
import time
from queue import Queue

from rich.console import Console

from al_core.records import Progress
from tasks.progress import PlainLines, counting, listening, progress_of, terminal_progress


def test_whoever_listens_hears_every_step():
    heard = []
    with listening(lambda step, progress: heard.append((step, progress.done))):
        tell = progress_of("train")
        tell(Progress(1, 2))
        tell(Progress(2, 2))
    assert heard == [("train", 1), ("train", 2)]


def test_nobody_has_to_listen():
    assert progress_of("train")(Progress(1, 2)) is None


def test_a_terminal_shows_a_bar_while_a_step_runs():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with terminal_progress(console) as bars:
        progress_of("predict dog")(Progress(3, 60, "frame 3"))
        bars.refresh()
        shown = screen.getvalue()
        progress_of("predict dog")(Progress(60, 60))
        assert not bars.tasks
    assert "predict dog" in shown
    assert "3/60" in shown


def test_without_a_terminal_a_plain_line_comes_now_and_then():
    printed, now = io.StringIO(), [0.0]
    lines = PlainLines(Console(file=printed, width=40), every=10.0, clock=lambda: now[0])
    for done in range(1, 61):
        now[0] = float(done)
        lines.tell("predict dog", Progress(done, 60, "dog"))
    assert printed.getvalue().splitlines()[:2] == [
        "predict dog: 10 of 60, 9.0 s so far, about 50 s left",
        "predict dog: 20 of 60, 19 s so far, about 40 s left",
    ]
    assert printed.getvalue().splitlines()[-1] == "predict dog: 60 of 60, 59 s so far"
    assert len(printed.getvalue().splitlines()) == 6


def test_what_is_done_at_once_prints_nothing_and_a_note_is_told():
    printed, now = io.StringIO(), [0.0]
    lines = PlainLines(Console(file=printed), every=10.0, clock=lambda: now[0])
    lines.tell("select", Progress(1, 1))
    now[0] = 11.0
    lines.tell("train", Progress(1, 200, "loss 0.412"))
    assert printed.getvalue() == "train: 1 of 200, 0.0 s so far, loss 0.412\n"


def test_lines_and_no_bars_go_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setattr("tasks.progress.EVERY_SECONDS", 0.0)
    printed = io.StringIO()
    with terminal_progress(Console(file=printed, width=80)) as bars:
        progress_of("back up")(Progress(3, 4, "ledger.duckdb"))
    assert bars is None
    assert printed.getvalue().startswith("back up: 3 of 4")


def test_what_other_processes_do_is_counted():
    heard, queue = [], Queue()
    console = Console(file=io.StringIO())
    with listening(lambda step, progress: heard.append(progress.done)), counting("rounds", queue, 2, console):
        queue.put(1)
        queue.put(2)
        deadline = time.monotonic() + 60
        while heard[-1] < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert heard[0] == 0
    assert heard[-1] == 2
