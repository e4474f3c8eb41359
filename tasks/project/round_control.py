"""What people decide about a project's rounds: settings that hold now or later, giving a round up, pauses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from al_core.campaign.changes import differences, taken_by_round
from al_core.fingerprint import fingerprint
from al_core.ledger.campaign.steering import Abandoned, Pause
from al_core.ledger.store import Ledger, Round
from al_core.project import Project
from al_core.settings import Settings, load_settings
from tasks.backends import BACKENDS
from tasks.ledger.client import open_ledger
from tasks.processes.run_lock import is_run
from tasks.project.run_settings import settings_for_run, settings_in_force
from tasks.report.formatting import many


@dataclass(frozen=True, slots=True)
class Asked:
    """What becomes of settings that were asked for.

    Attributes:
        round_id: the round under way; None where there is none.
        next_round: the one that begins with all of them.
        now: names of those that changed and hold in the round under way.
        later: names of those that changed and hold from the next round on.
    """

    round_id: int | None
    next_round: int
    now: tuple[str, ...]
    later: tuple[str, ...]

    def lines(self, project: Project) -> Iterator[str]:
        """Yield what a person needs to know, a sentence a line."""
        if self.now:
            yield f"{changed_in_words(self.now)} from now on, for the steps of round {self.round_id} that are not done."
        if not self.later:
            return
        yield f"{changed_in_words(self.later)} from round {self.next_round} on."
        if self.round_id is not None:
            way_out = command("round --abandon", project)
            yield f"Round {self.round_id} is past the steps that need them; to end it and keep its answers: {way_out}"


def ask_for(project: Project, settings: Settings, who: str, source: str = "", at_work: bool | None = None) -> Asked:
    """Keep settings as those of the next round, and let the round under way take what it still can.

    Args:
        who: asks, for the audit log.
        source: as for :meth:`~al_core.ledger.campaign.steering.SteeringOperations.want`.
        at_work: whether a run does the step that was started last; looked for when left out.
    """
    ledger = open_ledger(project)
    last = ledger.last_round()
    if source or settings != settings_in_force(ledger):
        ledger.want(settings, source)
    if last is None:
        return Asked(None, 1, (), ())
    following = last.round_id + 1
    if last.status != "running":
        return Asked(None, following, (), tuple(differences(last.settings, settings)))
    change = taken_by_round(
        last.settings, settings, _reached(ledger, last.round_id, is_run(project.root) if at_work is None else at_work)
    )
    if change.now:
        ledger.change_round(last.round_id, change.settings, who, change.now)
    return Asked(last.round_id, following, change.now, change.later)


def settings_of_schedule(project: Project, preset: str | None, changes: Mapping[str, Any]) -> Settings:
    """Return what a scheduled run works with: what was asked for last, by its deployment or by a person.

    A deployment asks for the same with each of its runs; that counts once, so that a person may change it later.

    Raises:
        BadSettings: a name that is no setting, or a value that does not fit.
    """
    if preset or changes:
        # Who only looks at what people decided need not load what is checked.
        from tasks.preflight import check

        source = source_of_schedule(preset, changes)
        if open_ledger(project).last_source() != source:
            asked = settings_for_run(project, preset, changes)
            check(asked, project)
            ask_for(project, asked, "schedule", source, at_work=False)
    return settings_for_run(project, None, {})


def source_of_schedule(preset: str | None, changes: Mapping[str, Any]) -> str:
    """Return a name for what a deployment asks for; equal askings have one name."""
    return fingerprint({"base": load_settings(preset).sha256 if preset else "", "changes": dict(changes)})


def waiting_settings(ledger: Ledger) -> tuple[str, ...]:
    """Return the names of settings that were asked for and hold from the next round on."""
    last, asked = ledger.last_round(), ledger.wanted()
    return () if last is None or asked is None else tuple(differences(last.settings, asked))


def changed_in_words(names: tuple[str, ...]) -> str:
    """Return the subject and verb of a sentence about changed settings."""
    if len(names) == 1:
        return f"The change of {names[0]} holds"
    return f"The changes of {len(names)} settings ({', '.join(names)}) hold"


def pause_in_words(pause: Pause) -> str:
    """Return since when a project is paused, and by whom."""
    return f"paused since {_time(pause.since)} by {pause.who}: no round and no step begins, no frame is handed out"


def abandoned_in_words(done: Abandoned) -> str:
    """Return what became of a round that was given up."""
    labels = "is a label" if done.answers == 1 else "are labels"
    words = f"Round {done.round_id} is abandoned. Its {many(done.answers, 'answer')} {labels} of the next round."
    if done.open:
        words += f" {many(done.open, 'open request')} {'is' if done.open == 1 else 'are'} not asked any more"
        if not done.in_hand:
            return words + "."
        several = f"{done.in_hand} are in hand, may be finished, and count too."
        one = f"{'it' if done.open == 1 else 'one'} is in hand, may be finished, and counts too."
        words += f"; {one if done.in_hand == 1 else several}"
    return words


def command(words: str, project: Project) -> str:
    """Return a command line that can be pasted."""
    return f"fewframes {words} {project.option}"


def stuck(project: Project, ledger: Ledger) -> str | None:
    """Return why the round under way cannot go on as it is, and what to do; None where it can.

    That is so where a step failed and no run is trying it now, and where nobody can answer the round's frames.
    """
    last = ledger.last_round()
    if last is None or last.status != "running":
        return None
    problem = _failure(project, ledger, last) or _nobody_answers(ledger, last)
    if problem is None:
        return None
    change = "run --set annotator.backend=page" if "annotator.backend" in problem else "run --set NAME=VALUE"
    return (
        f"round {last.round_id} is stuck: {problem}. Change what is wrong: {command(change, project)}; "
        f"or end the round, whose answers stay labels: {command('round --abandon', project)}"
    )


def _failure(project: Project, ledger: Ledger, last: Round) -> str | None:
    failed = [step for step in ledger.steps(last.round_id) if step.status == "started" and step.error]
    if not failed or is_run(project.root):
        return None
    step = failed[-1]
    times = "once" if step.attempts == 1 else f"{step.attempts} times"
    return f"step {step.name!r} failed {times}: {step.error.splitlines()[0].rstrip('.')}"


def _nobody_answers(ledger: Ledger, last: Round) -> str | None:
    backend = last.settings.annotator.backend
    collected = ledger.step(last.round_id, "collect")
    if collected is not None and collected.status == "finished":
        return None
    if backend not in BACKENDS:
        return f"annotator.backend is {backend!r}, and there is no such back-end; there are {', '.join(BACKENDS)}"
    if backend == "simulated" and not len(ledger.truth_frames()["video_id"]):
        return "annotator.backend is 'simulated', which answers from ground truth, and no video has any"
    return None


def _reached(ledger: Ledger, round_id: int, at_work: bool) -> set[str]:
    """Return the steps that are done, and the one that a run is doing."""
    return {step.name for step in ledger.steps(round_id) if step.status == "finished" or (at_work and not step.error)}


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
