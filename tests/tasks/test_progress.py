import io

from rich.console import Console

from al_core.records import Progress
from tasks.progress import listening, progress_of, terminal_progress


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
