"""Where the time of a campaign's rounds went, read from its ledger.

    python -m tests.bench.speed.round_overhead --project runs/demo

"orchestration" is what is left of a round when its steps are taken out: Prefect, the ledger, hashing. "tracking" adds
the steps that neither train nor predict nor carry masks: select, request, collect, audit.
"""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from al_core.ledger.store import Ledger
from al_core.project import Project

COLUMNS = ("train", "predict", "propagate", "select", "request", "collect", "audit")


@click.command()
@click.option("--project", "root", required=True, type=click.Path(exists=True, path_type=Path))
def main(root: Path) -> None:
    """Print seconds per step and the share that is neither training, forward passes nor carrying masks."""
    ledger = Ledger(Project.at(root).ledger_path)
    table = Table(
        "round",
        "whole s",
        *(f"{name} s" for name in COLUMNS),
        "orchestration s",
        "orchestration",
        "with tracking",
    )
    for this in ledger.rounds():
        if this.finished_at is None:
            continue
        whole = (this.finished_at - this.started_at).total_seconds()
        seconds = {step.name: step.seconds for step in ledger.steps(this.round_id)}
        orchestration = whole - sum(seconds.values())
        tracking = orchestration + sum(seconds.get(name, 0) for name in ("select", "request", "collect", "audit"))
        cells = [f"{seconds.get(name, 0):.2f}" for name in COLUMNS]
        shares = [f"{orchestration / whole:.1%}", f"{tracking / whole:.1%}"]
        table.add_row(str(this.round_id), f"{whole:.1f}", *cells, f"{orchestration:.2f}", *shares)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
