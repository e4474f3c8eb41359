"""The dashboard at ten million predictions: ``python -m tests.bench.speed.dashboard_speed``.

Fills the ledger of a project with rounds and videos (1,000 round-videos by default), serves it in a process of its own,
and measures each page: the first call, the median of the next five, and how long a browser takes until the first chart
is drawn, where there is one. Also the snapshot for other programs, and the memory of the server.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.ledger.file.owner import read_owner
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import DeliveredMask, FrameRef, LabelRequest, Provenance, Selected
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.ledger.client import open_ledger
from tasks.project.snapshot import publish_snapshot
from tests.bench.speed.ledger_speed import prediction_rows, smooth
from tests.toys.ledgers import clip, mask_answer, square, times_us
from tests.toys.web.browser import browser

PAGES = ("overview", "quality", "videos", "videos/1", "runs", "version")
AGAIN = 5


@click.command()
@click.option("--videos", "n_videos", default=100, show_default=True)
@click.option("--rounds", "n_rounds", default=10, show_default=True)
@click.option("--frames", "n_frames", default=10_000, show_default=True, help="Of each video.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Kept; default: a temporary folder.")
def main(n_videos: int, n_rounds: int, n_frames: int, work: Path | None) -> None:
    """Measure and print."""
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        project = Project.at(work or Path(scratch))
        if not project.ledger_path.is_file():
            fill(project, n_videos, n_rounds, n_frames)
        token = lead(project)
        with serving(project) as (url, server):
            console.print(page_table(url, token))
            ledger = open_ledger(project)
            started = time.perf_counter()
            ledger.coverage()
            console.print(f"coverage asked remotely: {time.perf_counter() - started:.3f} s")
            started = time.perf_counter()
            publish_snapshot(project, ledger)
            console.print(f"snapshot: {time.perf_counter() - started:.1f} s")
            console.print(f"memory of the server: {server.memory_info().rss / 1e6:,.0f} MB")


def fill(project: Project, n_videos: int, n_rounds: int, n_frames: int) -> None:
    """A project as many rounds would leave it; all videos share the delivered masks of a few frames."""
    rng = np.random.default_rng(0)
    ledger = Ledger(project.ledger_path)
    ledger.add_categories(["object"])
    masks = [DeliveredMask(i, 1, 1, Provenance.PROPAGATED, 0.8, square()) for i in range(n_rounds + 1)]
    write_delivered(project.absolute("delivered.parquet"), masks)
    with ledger.held():
        for number in range(1, n_videos + 1):
            ledger.add_video(clip(f"{number:05d}", n_frames), times_us(n_frames))
        for round_id in track(range(1, n_rounds + 1), f"{n_videos * n_rounds * n_frames:,} predictions"):
            ledger.begin_round(Settings())
            for name in ("select", "request", "collect", "train", "predict", "propagate", "audit"):
                ledger.begin_step(round_id, name, "0" * 64)
                ledger.finish_step(round_id, name, {}, 10.0)
            for video_id in range(1, n_videos + 1):
                one_video(ledger, rng, round_id, video_id, n_frames)
            ledger.finish_round(round_id, None)


def one_video(ledger: Ledger, rng: np.random.Generator, round_id: int, video_id: int, n_frames: int) -> None:
    """What a round leaves of one video."""
    ledger.put_predictions(round_id, video_id, prediction_rows(smooth(rng, n_frames)), "predictions.parquet")
    request = LabelRequest.of(round_id, Selected(FrameRef(video_id, round_id), video_id, 0.5, "why"))
    ledger.put_requests([request])
    ledger.put_answer(mask_answer(request, f"{round_id}-{video_id}"))
    summary = [("human", round_id, round_id, 1.0), ("propagated", n_frames - round_id, n_frames, 0.8)]
    ledger.put_delivered(round_id, video_id, "delivered.parquet", n_frames, summary)
    jf = 1 - 0.4 * round_id**-0.5 * rng.uniform(0.8, 1.2)
    figures = [(None, "all", metric, jf, n_frames) for metric in ("j", "f", "jf", "ap50")]
    ledger.put_qualities(round_id, [(video_id, figures)])


def lead(project: Project) -> str:
    """The link of somebody who may see everything."""
    ledger = Ledger(project.ledger_path)
    if any(person.name == "bench" for person in ledger.annotators()):
        return ledger.renew_link("bench")
    return ledger.add_annotator("bench", Role.LEAD)


class serving:
    """``fewframes serve`` in a process of its own; gives its address and the process."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def __enter__(self) -> tuple[str, psutil.Process]:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "flows.cli.main", "serve", "--project", str(self._project.root), "--port", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while (owner := read_owner(self._project.ledger_path)) is None or not _answers(owner.url):
            assert self._process.poll() is None, "the server ended"
            time.sleep(0.1)
        return owner.url, psutil.Process(self._process.pid)

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def page_table(url: str, token: str) -> Table:
    """Seconds of each page."""
    table = Table("page", "first s", "again s", "bytes", "in the browser s", title="Dashboard")
    with httpx.Client(base_url=url, follow_redirects=True, timeout=120) as client:
        client.post("/enter", json={"token": token}, headers={"X-Fewframes": "1"}).raise_for_status()
        for page in PAGES:
            address = f"/dashboard/{page}"
            first, size = _timed(client, address)
            again = statistics.median(_timed(client, address)[0] for _ in range(AGAIN))
            seen = "" if page == "version" else _seen(url, client, address)
            table.add_row(page, f"{first:.3f}", f"{again:.3f}", f"{size:,}", seen)
    return table


def _timed(client: httpx.Client, address: str) -> tuple[float, int]:
    started = time.perf_counter()
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - started, len(answer.content)


def _seen(url: str, client: httpx.Client, address: str) -> str:
    """Seconds until the page is there with its first chart, scripts in the browser's cache."""
    with browser() as running:
        context = running.new_context()
        context.add_cookies([{"name": c.name, "value": c.value or "", "url": url} for c in client.cookies.jar])
        page = context.new_page()
        page.goto(url + address)
        started = time.perf_counter()
        page.goto(url + address)
        if page.locator(".chart").count():
            page.wait_for_selector(".chart .main-svg")
        return f"{time.perf_counter() - started:.2f}"


if __name__ == "__main__":
    main()
