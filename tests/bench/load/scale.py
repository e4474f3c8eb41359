"""What a project costs at 10 to 10,000 videos: ``python -m tests.bench.load.scale --work DIR [--beside TREE]``.

Makes projects of tiny clips in bulk (:mod:`tests.bench.load.scale_project`) and measures each of ``COSTS`` in a process
of its own, on the clock, of the processor, and the most memory. ``--beside TREE`` measures a checkout of another
revision in turn with this one. The figures of a cost stand beside the exponent from one size to the next: 1 is linear,
0 does not grow. What is measured is kept in ``DIR/figures.jsonl`` and not measured again, so it goes on where it
stopped.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import log10
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.table import Table

PAGES = ("overview", "quality", "videos", "videos/1", "runs", "version")
REQUESTS = 25
SIZES = "10,100,1000,10000"


@click.command()
@click.option("--work", required=True, type=click.Path(file_okay=False, path_type=Path), help="Kept.")
@click.option("--sizes", default=SIZES, show_default=True, help="Numbers of videos.")
@click.option("--beside", type=click.Path(exists=True, path_type=Path), help="A checkout of another revision.")
@click.option("--only", multiple=True, help="This cost; may be given again.")
@click.option("--times", default=3, show_default=True, help="How often each is measured; the least counts.")
@click.option("--one", hidden=True)
def main(work: Path, sizes: str, beside: Path | None, only: tuple[str, ...], times: int, one: str | None) -> None:
    """Measure what is not measured yet, and print a table."""
    if one is not None:
        print(json.dumps(COSTS[one](work)))
        return
    trees = {"after": Path.cwd()} if beside is None else {"before": beside.resolve(), "after": Path.cwd()}
    figures, numbers = work / "figures.jsonl", [int(n) for n in sizes.split(",")]
    for n_videos in numbers:
        folder = work / str(n_videos)
        if not (folder / "made").exists():
            from tests.bench.load.scale_project import make_project

            shutil.rmtree(folder, ignore_errors=True)
            make_project(folder, n_videos)
            (folder / "made").touch()
        for cost in only or COSTS:
            for number in range(times):
                for of, tree in trees.items():
                    key = [cost, n_videos, of, number]
                    if key not in [f["key"] for f in _known(figures)]:
                        _measure(key, cost, tree, folder, figures)
    _print(_known(figures), only or tuple(COSTS), numbers, tuple(trees))


def _known(figures: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in figures.read_text().splitlines()] if figures.exists() else []


def _measure(key: list[Any], cost: str, tree: Path, folder: Path, figures: Path) -> None:
    path = os.pathsep.join((str(tree), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)[1:])))
    env = {**os.environ, "PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(folder.parent / "compiled")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    words = [sys.executable, str(Path(__file__).resolve()), "--work", str(folder), "--one", cost]
    done = subprocess.run(words, cwd=tree, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{key}: {done.stdout}{done.stderr}")
    row = {"key": key, "load": round(os.getloadavg()[0], 1), **json.loads(done.stdout.splitlines()[-1])}
    with figures.open("a") as file:
        print(json.dumps(row), file=file)
    print(json.dumps(row), file=sys.stderr)


def _print(known: list[dict[str, Any]], costs: tuple[str, ...], sizes: list[int], trees: tuple[str, ...]) -> None:
    """Print the least of each figure, and the exponents between the sizes."""
    table = Table("figure", "of", *(f"{n:,}" for n in sizes), "exponents", box=None)
    names = [(c, n) for c in costs for n in dict.fromkeys(n for f in known if f["key"][0] == c for n in f["is"])]
    for cost, name in names:
        for of in trees:
            least = [min((f["is"][name] for f in known if f["key"][:3] == [cost, n, of]), default=None) for n in sizes]
            pairs = zip(least, least[1:], sizes, sizes[1:], strict=False)
            grows = [f"{log10(b / a) / log10(m / n):.2f}" if a and b else "–" for a, b, n, m in pairs]
            cells = ["–" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in least]
            table.add_row(f"{cost}: {name}", of, *cells, " ".join(grows))
    Console(width=140).print(table)
    loads = [f["load"] for f in known]
    Console().print(f"{os.cpu_count()} cores, load {min(loads, default=0)} to {max(loads, default=0)}")


@contextmanager
def _spent(children: bool = False) -> Iterator[dict[str, float]]:
    """Seconds on the clock and of the processor, and the most memory of the process (or its children) in MB."""
    of = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    found: dict[str, float] = {}
    began, before = time.perf_counter(), resource.getrusage(of)
    yield found
    found["clock s"], after = time.perf_counter() - began, resource.getrusage(of)
    found["processor s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found["memory MB"] = after.ru_maxrss / 1e3


def _command(*words: str) -> Callable[[Path], dict[str, Any]]:
    """A command in a process of its own."""

    def measured(folder: Path) -> dict[str, Any]:
        command = [sys.executable, "-m", "flows.cli.main", *words, "--project", str(folder / "project")]
        with _spent(children=True) as found:
            subprocess.run(command, check=True, capture_output=True)
        return {"is": found}

    return measured


def _copied(folder: Path) -> Any:
    """A project whose ledger is a copy, so that what is measured changes nothing; its files are the first one's."""
    from al_core.project import Project

    copy = folder / f"copy-{os.getpid()}"
    copy.mkdir()
    for file in (folder / "project").glob("ledger*"):
        shutil.copy2(file, copy)
    (copy / "rounds").mkdir()
    for made in (folder / "project" / "rounds").iterdir():
        (copy / "rounds" / made.name).symlink_to(made)
    return Project.at(copy)


def _ingest(folder: Path) -> dict[str, Any]:
    """Some clips more are taken in."""
    from tasks.ledger.client import open_ledger
    from tasks.project.ingest import ingest_paths

    project = _copied(folder)
    ledger = open_ledger(project)
    ledger.videos()
    with _spent() as found:
        report = ingest_paths(ledger, [folder / "more"])
    assert (len(report.failed), len(report.entries)) == (0, 20), report.entries[:3]
    shutil.rmtree(project.root)
    return {"is": found}


def _select(folder: Path) -> dict[str, Any]:
    """A round chooses its frames by all predictions of the one before; nothing is trained. Once without and once with
    the flow between frames, which a round has from carrying masks, and once more in the next round, in which nothing
    changed but of the videos that people labelled meanwhile."""
    import numpy as np

    from tasks.steps.context import RoundContext
    from tasks.steps.select import select_frames
    from tests.bench.load.scale_project import next_round

    project = _copied(folder)
    context = RoundContext.open(project, 3)
    context.ledger.last_round()
    with _spent() as found:
        chosen = select_frames(context, np.random.default_rng(0), 50)
    assert len(chosen) >= 10
    with _spent() as known:
        assert select_frames(context, np.random.default_rng(0), 50) == chosen
    next_round(project, 3)
    context = RoundContext.open(project, 4)
    context.ledger.last_round()
    with _spent() as later:
        chosen = select_frames(context, np.random.default_rng(0), 50)
    shutil.rmtree(project.root)
    found |= {f"flow known, {name}": value for name, value in known.items()}
    frames = [[s.frame.video_id, s.frame.frame_idx] for s in chosen]
    return {"is": found | {f"next round, {name}": value for name, value in later.items()}, "chosen": frames}


def _round(folder: Path) -> dict[str, Any]:
    """The ledger's part of a round in which one video in 100, and at least 10, is predicted and delivered anew."""
    import numpy as np

    from tasks.ledger.client import open_ledger
    from tests.bench.speed.ledger_speed import independent, prediction_rows

    project = _copied(folder)
    ledger = open_ledger(project)
    lengths = ledger.video_lengths()
    n_frames = lengths[1]
    rows = prediction_rows(independent(np.random.default_rng(0), n_frames))
    with _spent() as found:
        for video_id in range(1, max(len(lengths) // 100, 10) + 1):
            ledger.put_predictions(3, video_id, rows, f"rounds/0003/predictions/{video_id:05d}.parquet")
            summary = [("teacher", n_frames, n_frames, 0.8)]
            path = f"rounds/0003/delivered/{video_id:05d}.parquet"
            ledger.put_delivered(3, video_id, path, n_frames, summary, [("teacher", 1, n_frames)])
    shutil.rmtree(project.root)
    return {"is": found}


def _backup(folder: Path) -> dict[str, Any]:
    """The file of everything."""
    from al_core.project import Project
    from tasks.ledger.client import open_ledger
    from tasks.project.backup import back_up

    project, out = Project.at(folder / "project"), folder / f"backup-{os.getpid()}.tar"
    with _spent() as found:
        made = back_up(project, open_ledger(project), out)
    out.unlink()
    return {"is": found, "files": made.n_files}


def _dashboard(folder: Path) -> dict[str, Any]:
    """Each page several times, of a server in a process of its own."""
    from al_core.project import Project
    from tests.bench.speed.dashboard_speed import lead, serving

    project = Project.at(folder / "project")
    token, found = lead(project), {}
    with serving(project) as (url, server), httpx.Client(base_url=url, follow_redirects=True, timeout=300) as client:
        client.post("/enter", json={"token": token}, headers={"X-Fewframes": "1"}).raise_for_status()
        for page in PAGES:
            seconds = []
            for _ in range(REQUESTS):
                began = time.perf_counter()
                client.get(f"/dashboard/{page}").raise_for_status()
                seconds.append(time.perf_counter() - began)
            found[f"{page} p50 s"], found[f"{page} p99 s"] = statistics.median(seconds[1:]), max(seconds)
        found["memory MB"] = server.memory_info().rss / 1e6
    return {"is": found}


COSTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "status": _command("status"),
    "settings": _command("settings"),
    "run that waits": _command("run"),
    "ingest of 20 more": _ingest,
    "selection": _select,
    "1 in 100 videos anew": _round,
    "backup": _backup,
    "dashboard": _dashboard,
}

if __name__ == "__main__":
    main()
