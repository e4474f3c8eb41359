"""The server is killed while people submit and review."""

import random
from pathlib import Path

from tests.bench.load.serve_load import Load, run_load
from tests.faults.framework import Family, expect


class KilledServer(Family):
    """People ask and answer over HTTP; the server is killed and started again in between."""

    name = "kill_server"
    fault = "kill -9 of fewframes serve while four people submit over HTTP, one of whom reviews too"
    times = 14

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """One kill."""
        n = rng.randint(15, 40)
        load = Load(people=4, requests=n, kills=1, delay=rng.uniform(0.01, 0.1), seed=rng.randrange(10**6))
        outcome = run_load(folder / "project", load)
        expect(not outcome.problems, "; ".join(outcome.problems))
        answered = len(set(outcome.record.acknowledged.values()))
        expect(answered == n, f"{answered} of {n} acknowledged")
        return f"after half of {n} answers", "every acknowledged answer and review there once, none shared"
