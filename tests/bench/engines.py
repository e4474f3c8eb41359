"""One campaign on each engine: are its labels and masks the same to the byte, and how long does it take?

    python -m tests.bench.engines --out runs/engines --clips 8 --engines local dask ray

Objects are looked for before the first round (``fewframes discover``), and people at the page, who draw the truth,
have its refiner trained in each round, by steps. Dask's workers are two processes with folders and numbers of threads
of their own, reached over TCP on loopback; Ray starts its own on this machine, where it is installed.
``compute.threads`` is fixed. What is measured already is kept. Exit code 1 where anything differs.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Answer, LabelKind
from al_core.settings import load_settings
from tasks.project.run_settings import parse_overrides
from tests.faults.campaign import contents
from tests.toys.engines.cluster import dask_cluster
from tests.toys.projects import command, write_clip, write_settings

THREADS = 1
BY_PEOPLE = ("annotator.backend=page", "annotator.refiner_steps=20", "selection.control_share=0.5")


def main() -> None:
    """Run, compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for projects and results")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--frames", type=int, default=12, help="of each clip")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engines", nargs="+", default=["local", "dask"], choices=["local", "dask", "ray"])
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    fresh = _ingested(args)
    measured = {engine: _measured(args, fresh, engine) for engine in args.engines}
    first = measured[args.engines[0]]
    print(f"| engine | seconds | discover | load | files and labels | differ from {args.engines[0]} |")
    print("|---|---|---|---|---|---|")
    different = 0
    for engine, found in measured.items():
        names = first["made"].keys() | found["made"].keys()
        differ = sorted(k for k in names if found["made"].get(k) != first["made"].get(k))
        different += len(differ)
        seconds = f"{found['seconds']:.1f} | {found['discover']:.1f} | {found['load']:.0f}"
        print(f"| {engine} | {seconds} | {len(found['made'])} | {len(differ)} {' '.join(differ[:3])} |")
    raise SystemExit(bool(different))


def _ingested(args: argparse.Namespace) -> Path:
    """Return a project with its clips, made once."""
    project = args.out / "ingested"
    if not (project / "ledger.duckdb").exists():
        for number in range(args.clips):
            write_clip(args.out / "data", f"toy{number}", args.frames, seed=number)
        subprocess.run(command("ingest", args.out / "data", "--project", project), check=True)
    return project


def _measured(args: argparse.Namespace, fresh: Path, engine: str) -> dict:
    """Run the campaign on one engine, or return what it came to before."""
    result = args.out / f"{engine}.json"
    if result.exists():
        return json.loads(result.read_text())
    project = Project.at(args.out / engine)
    shutil.rmtree(project.root, ignore_errors=True)
    shutil.copytree(fresh, project.root)
    with _workers(args.out / f"{engine}-workers", engine) as address:
        fixed = (f"compute.engine={engine}", f"compute.threads={THREADS}", f"compute.address={address}")
        asked = (
            f"stopping.max_rounds={args.rounds}",
            f"selection.frames_per_round={2 * args.clips}",
            *BY_PEOPLE,
            *fixed,
        )
        settings = load_settings(str(write_settings(args.out)))
        ledger = Ledger(project.ledger_path)
        ledger.want(settings.changed(parse_overrides([*asked, *args.changes])))
        load = os.getloadavg()[0]
        began = time.monotonic()
        subprocess.run(command("discover", "--project", project.root), check=True)
        discovered = time.monotonic() - began
        for _ in range(args.rounds + 1):
            subprocess.run(command("run", "--project", project.root), check=True)
            answer_all(ledger)
        seconds = time.monotonic() - began
    found = {"seconds": seconds, "discover": discovered, "load": load, "made": made(project)}
    result.write_text(json.dumps(found))
    return found


def answer_all(ledger: Ledger) -> None:
    """Answer every open request with the truth, as somebody at the page does."""
    for request in ledger.requests(status="open"):
        truth = ledger.truth(request.frame.video_id, [request.frame.frame_idx])[request.frame.frame_idx]
        ledger.put_answer(Answer(f"of {request.request_id}", request.request_id, truth, LabelKind.MASK, 80.0, "ann"))


def made(project: Project) -> dict[str, str]:
    """What a campaign made: the hash of every file of its rounds, and what people said; times left out."""
    of_rounds = (".parquet", ".pth", ".pt")
    files = {k: v for k, v in contents(project).items() if k.endswith(of_rounds) or k == "table prediction"}
    return {**files, "labels": repr(Ledger(project.ledger_path).human_labels())}


@contextlib.contextmanager
def _workers(folder: Path, engine: str) -> Iterator[str]:
    if engine != "dask":
        yield ""
        return
    with dask_cluster(folder) as cluster:
        cluster.wait_for(2)
        yield cluster.address


if __name__ == "__main__":
    main()
