"""Steps that are killed in the middle."""

import random
from pathlib import Path

from al_core.ledger.store import Ledger
from tests.faults import children
from tests.faults.campaign import Place, contents, do, expect_same
from tests.faults.framework import Family, expect


class KilledStep(Family):
    """A step dies at a call that leaves something on disk, or at any time, is done again, and ends as it would have."""

    name = "kill_step"
    fault = "kill -9 of the flow within a step, at and between its writes"
    times = 64

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Kill a step once, sometimes twice."""
        places = self.lab.undisturbed.places()
        place = places[self._made % len(places)]
        project = self.lab.undisturbed.before(place, folder / "project")
        where = []
        for _ in range(rng.choice((1, 1, 2))):
            words, ended = self.kill(rng, project, place)
            where.append(words)
            if not ended.killed:
                expect(ended.code == 0, f"{place} failed before it was killed: {ended.said}")
                return f"{_named(place)}: {', '.join(where)}", "was through before; nothing done twice"
        again = children.run(do, project, place)
        expect(again.code == 0, f"{place} after {where}: {again.said}")
        expect_same(contents(project), self.lab.undisturbed.after(place))
        if place[1] != "finish":
            step = Ledger(project.ledger_path).step(*place)
            expect(step is not None and step.attempts <= 3, f"{place} was begun too often: {step}")
        return f"{_named(place)}: {', '.join(where)}", "went on, ended the same"

    def kill(self, rng: random.Random, project, place: Place) -> tuple[str, children.Ended]:
        """Kill the step once; returns (when, how it ended)."""
        if rng.random() < 0.7:
            moment = children.Moment(rng.randint(1, self.lab.undisturbed.calls(place)), rng.random() < 0.5)
            words = f"{'after' if moment.after else 'before'} write {moment.call}"
            return words, children.run(do, project, place, die=moment)
        delay = rng.uniform(0, 0.9) * self.lab.undisturbed.seconds[place]
        return f"after {delay:.2f} s", children.run(do, project, place, kill_after=delay)


def _named(place: Place) -> str:
    return f"round {place[0]}, {place[1]}"
