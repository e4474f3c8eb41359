"""Inject faults for some minutes, and say what came of them (see the package)."""

import json
import signal
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console

from tests.faults.families import FAMILIES
from tests.faults.framework import Tally, in_turn
from tests.faults.lab import Lab
from tests.faults.table import fault_table


@click.command()
@click.option("--minutes", default=20.0, show_default=True, help="No injection begins later than that.")
@click.option("--seed", default=0, show_default=True)
@click.option("--only", help="Comma-separated families.")
@click.option("--share", default=1.0, show_default=True, help="Share of the injections of the long form.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="JSON file, one record an injection.")
def main(minutes: float, seed: int, only: str | None, share: float, out: Path | None) -> None:
    """Print a line per injection and a table at the end; exit code 1 when anything was lost."""
    # Mounted disks are taken down also when it is told to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    names = only.split(",") if only else list(FAMILIES)
    started = time.monotonic()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        lab = Lab(Path(folder) / "lab")
        families = [FAMILIES[name](Path(folder) / name, lab) for name in names]
        for family in families:
            family.times = max(round(family.times * share), 1)
        try:
            for injection in in_turn(families, seed, minutes * 60):
                tally.injections.append(injection)
                console.print(
                    f"{time.monotonic() - started:6.0f} s  {injection.family}: {injection.where}: {injection.outcome}",
                    highlight=False,
                    soft_wrap=True,
                )
                if injection.loss:
                    console.print(injection.loss, style="red", highlight=False, markup=False, soft_wrap=True)
        finally:
            for family in families:
                family.close()
    console.print(fault_table(families, tally))
    n, lost = len(tally.injections), len(tally.losses)
    console.print(f"{n} faults injected in {(time.monotonic() - started) / 60:.1f} min, seed {seed}; losses: {lost}")
    if out is not None:
        out.write_text(json.dumps(tally.as_json(), indent=1), encoding="utf-8")
    raise SystemExit(bool(lost))


if __name__ == "__main__":
    main()
