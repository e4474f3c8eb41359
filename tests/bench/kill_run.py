"""``kill -9`` of ``fewframes run`` at random moments, each followed by the same command; then everything is compared.

    python -m tests.bench.kill_run --kills 10

A campaign that nobody disturbs is run first. The killed one must end with the same labels and the same delivered
masks, with every step in its ledger once.
"""

import random
import tempfile
import time
from pathlib import Path

import click

from al_core.ledger.store import Ledger
from tests.flows.test_run import assert_one_finished_campaign, begin, kill_and_run_again, run_campaign


@click.command()
@click.option("--kills", default=10, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(kills: int, seed: int) -> None:
    """Run, kill, run again, compare; prints one line per fact."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        reference = run_campaign(Path(folder) / "quiet")
        whole = time.monotonic() - started
        print(f"undisturbed: {whole:.1f} s")
        project, arguments = begin(Path(folder) / "killed")
        killed = 0
        while killed < kills:
            # Early enough that the campaign is not through before the last kill, late enough to reach every step.
            killed += kill_and_run_again(arguments, [rng.uniform(0.1, 0.8) * whole], finish=False)
            done = [f"{s.round_id}.{s.name}" for s in Ledger(project.ledger_path).steps() if s.status == "finished"]
            print(f"kill {killed}: finished so far: {' '.join(done) or 'nothing'}")
        kill_and_run_again(arguments, [])
        assert_one_finished_campaign(project, reference)
        attempts = {f"{s.round_id}.{s.name}": s.attempts for s in Ledger(project.ledger_path).steps()}
        print(f"one finished campaign, each step once, labels and masks equal; attempts: {attempts}")


if __name__ == "__main__":
    main()
