"""``kill -9`` of ``fewframes run`` at random moments, each followed by the same command; then everything is compared.

    python -m tests.bench.load.kill_run --kills 10

A campaign that nobody disturbs is run first. The killed ones must end with the same labels and the same delivered
masks, with every step in their ledgers once. One that is through before the last kill is followed by another.
"""

import random
import tempfile
import time
from pathlib import Path

import click

from al_core.ledger.store import Ledger
from al_core.project import Project
from tests.flows.campaigns import assert_one_finished_campaign, begin, kill_and_run_again, run_campaign


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
        killed, campaigns = 0, 0
        while killed < kills:
            campaigns += 1
            killed += killed_campaign(Path(folder) / f"killed{campaigns}", reference, kills - killed, whole, rng)
        print(f"{killed} kills in {campaigns} campaigns, all finished as the undisturbed one did")


def killed_campaign(folder: Path, reference: Project, most: int, whole: float, rng: random.Random) -> int:
    """One campaign, killed up to ``most`` times before it is through, and compared; returns how often."""
    project, arguments = begin(folder)
    killed = 0
    while killed < most and not finished(project):
        # Late enough that every step is reached, early enough that few campaigns are through before a kill.
        killed += kill_and_run_again(arguments, [rng.uniform(0.05, 0.5) * whole], finish=False)
        print(f"  kill {killed}: {' '.join(done_steps(project)) or 'nothing'}", flush=True)
    kill_and_run_again(arguments, [])
    assert_one_finished_campaign(project, reference)
    attempts = {f"{s.round_id}.{s.name}": s.attempts for s in Ledger(project.ledger_path).steps() if s.attempts > 1}
    print(f"one finished campaign, each step once, labels and masks equal; begun more than once: {attempts or 'none'}")
    return killed


def done_steps(project: Project) -> list[str]:
    """The steps that are finished."""
    return [f"{s.round_id}.{s.name}" for s in Ledger(project.ledger_path).steps() if s.status == "finished"]


def finished(project: Project) -> bool:
    """Whether the campaign is over."""
    last = Ledger(project.ledger_path).last_round()
    return last is not None and last.stop_reason is not None


if __name__ == "__main__":
    main()
