"""One campaign on each engine: are its labels and masks the same to the byte, and how long does it take?

    python -m tests.bench.engines --out runs/engines --clips 8 --engines local dask ray

Dask's workers are two processes with folders and numbers of threads of their own, reached over TCP on loopback; Ray
starts its own on this machine, where it is installed. ``compute.threads`` is fixed. What is measured already is kept.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from al_core.ledger.store import Ledger
from al_core.project import Project
from tests.faults.campaign import contents
from tests.toys.engines.cluster import dask_cluster
from tests.toys.projects import command, write_clip, write_settings

THREADS = 1


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
    print(f"| engine | seconds | files and labels | differ from {args.engines[0]} |\n|---|---|---|---|")
    for engine, found in measured.items():
        differ = [k for k in first["made"] if found["made"].get(k) != first["made"][k]]
        print(f"| {engine} | {found['seconds']:.1f} | {len(found['made'])} | {len(differ)} {' '.join(differ[:3])} |")


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
    root = args.out / engine
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(fresh, root)
    with _workers(args.out / f"{engine}-workers", engine) as address:
        fixed = (f"compute.engine={engine}", f"compute.threads={THREADS}", f"compute.address={address}")
        changes = [f"stopping.max_rounds={args.rounds}", "selection.control_share=0.5", *fixed, *args.changes]
        options = [part for change in changes for part in ("--set", change)]
        began = time.monotonic()
        run = command("run", "--project", root, "--settings", write_settings(args.out), *options)
        subprocess.run(run, check=True)
        seconds = time.monotonic() - began
    found = {"seconds": seconds, "made": made(Project.at(root))}
    result.write_text(json.dumps(found))
    return found


def made(project: Project) -> dict[str, str]:
    """What a campaign made: the hash of every file of its rounds, and what people said; times left out."""
    files = {k: v for k, v in contents(project).items() if k.endswith((".parquet", ".pth")) or k == "table prediction"}
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
