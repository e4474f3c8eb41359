"""What is ahead in a project: how many frames the next round asks for, and what that costs people and the machine."""

from collections.abc import Sequence
from dataclasses import dataclass

from al_core.campaign.audited import full_size, is_audited, size_of
from al_core.campaign.budget import Facts, Plan, expected_machine_seconds, plan_campaign
from al_core.campaign.pricing import PRIOR_ANSWERS, prices_from
from al_core.campaign.waiting import Waiting
from al_core.errors import BadSettings
from al_core.ledger.campaign.loop_state import Step
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import LabelKind
from al_core.settings import AUTO, Settings
from tasks.auditing.round_estimates import RoundEstimates, stored_estimates
from tasks.auditing.target_outlook import target_outlook
from tasks.languages.phrases import counted, heard, numeral, t
from tasks.project.run_settings import settings_in_force
from tasks.report.formatting import duration, many, percent
from tasks.reviews.approvals import approvals_of

SIMULATED = "simulated"
"""Name of the annotator who is no person."""
_MACHINE_STEPS = frozenset(("train", "predict", "propagate", "audit"))


def check_simulated(ledger: Ledger, settings: Settings) -> None:
    """Refuse the simulated annotator in a project of people: what it answers from truth would count as their work.

    Raises:
        BadSettings: ``annotator.backend`` is "simulated", and people answered or may answer.
    """
    if settings.annotator.backend != SIMULATED:
        return
    people = [p.name for p in ledger.annotators() if not p.revoked and p.role is not Role.VIEWER]
    answered = [name for name, *_ in ledger.effort_by_person() if name != SIMULATED]
    if people or answered:
        who = (
            f"{', '.join(filter(None, answered)) or 'people'} answered"
            if answered
            else f"{', '.join(people)} may label"
        )
        raise BadSettings(
            f"annotator.backend is 'simulated', but {who} in this project, and simulated answers would count as human "
            "work: use annotator.backend=page, or simulate in a project of its own; who only looks is a viewer"
        )


def facts_of(ledger: Ledger, settings: Settings) -> Facts:
    """Read what a plan follows from."""
    with ledger.held():
        return _facts_of(ledger, settings)


def _facts_of(ledger: Ledger, settings: Settings) -> Facts:
    lengths = ledger.pool_lengths()
    rounds, steps, effort = ledger.rounds(), ledger.steps(), ledger.human_effort(audits=False)
    finished = [r.round_id for r in rounds if r.status == "finished"]
    over = {r.round_id for r in rounds if r.status != "running"}
    # Imported labels, which answer requests of no round, cost nobody anything here.
    n_frames, answered = sum(lengths.values()), sum(frames for round_id, frames, _ in effort if round_id)
    measured = _machine_seconds(steps, finished)
    if measured is None:
        measured = expected_machine_seconds(settings, n_frames, first=not finished)
    return Facts(
        n_frames,
        len(lengths),
        max(1, sum(not p.revoked and p.role in (Role.ANNOTATOR, Role.REVIEWER) for p in ledger.annotators())),
        len(set(finished).difference(rounds_that_learn(ledger))),
        answered,
        _frame_seconds(ledger, settings, answered, sum(seconds for *_, seconds in effort)),
        measured,
        sum(frames for round_id, frames, _ in effort if round_id and round_id not in over),
    )


def _machine_seconds(steps: Sequence[Step], finished: Sequence[int]) -> float | None:
    """Return what the machine took for the newest round that did all of its steps; None where there is none."""
    measured = None
    for round_id in finished:
        done = {s.name: s.seconds or 0.0 for s in steps if s.round_id == round_id and s.status == "finished"}
        if done.keys() >= _MACHINE_STEPS:
            measured = sum(done[name] for name in _MACHINE_STEPS)
    return measured


def _frame_seconds(ledger: Ledger, settings: Settings, frames: int, seconds: float) -> float:
    """Return what a frame is expected to take: the price of its masks, drawn towards what people took so far."""
    known = ledger.answer_times()
    price = prices_from(settings.annotator, known).frame_seconds(LabelKind.MASK, _objects(known))
    return (seconds + PRIOR_ANSWERS * price) / (frames + PRIOR_ANSWERS)


def _objects(known: Sequence[tuple[LabelKind, float, int]]) -> int:
    """Return how many objects people found in a frame, on average, at least 1, by what each answer took and has."""
    found = [n for _, _, n in known if n]
    return max(1, round(sum(found) / len(found))) if found else 1


def plan_of(ledger: Ledger, settings: Settings) -> Plan:
    """Return how many frames the campaign and its next round ask for."""
    return plan_campaign(settings, facts_of(ledger, settings))


def rounds_that_learn(ledger: Ledger) -> list[int]:
    """Return the rounds in which nobody was asked, since they first learnt from labels that were imported."""
    return [s.round_id for s in ledger.steps() if s.name == "select" and (s.result or {}).get("learns")]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is ahead of a project.

    Attributes:
        round_id: the round that is open, or else the next one.
        asks: frames that it asks for.
        unanswered: those of them that wait for an answer.
        learns: imported frames that it learns from instead, before anybody is asked; 0 in every other round.
        uncounted: rounds that have numbers and are none of the campaign's: given up, or nobody is asked in them.
        n_objects: that people found in a frame, on average.
    """

    settings: Settings
    facts: Facts
    plan: Plan
    round_id: int
    asks: int
    unanswered: int
    learns: int
    uncounted: int
    n_objects: int = 1

    @property
    def last_round(self) -> int | None:
        """Return the number of the campaign's last round, as far as can be foreseen; None where nothing limits them."""
        return None if self.plan.rounds is None else max(self.plan.rounds + self.uncounted, self.round_id)

    @property
    def rounds_left(self) -> int | None:
        """Return how many rounds are ahead, this one included; None where nothing limits them."""
        return None if self.last_round is None else self.last_round - self.round_id + 1

    def of_round(self) -> str:
        """Say what the round asks for and costs, e.g. "Round 1 of about 5 asks for 7 of 33 frames (...)"."""
        name = t("Round {round}", round=self.round_id)
        if self.last_round is not None:
            named = "Round {round} of about {last}" if self._is_auto else "Round {round} of {last}"
            name = t(named, round=self.round_id, last=self.last_round)
        machine = duration(self.facts.machine_seconds)
        if self.learns:
            labels = many(self.learns, "imported frame")
            learns = "{name} learns from {frames} and asks nobody: the machine needs about {machine}."
            return t(learns, name=name, frames=labels, machine=machine)
        asks = counted(self.asks, "{name} asks for {n} frame", "{name} asks for {n} frames", name=name)
        if not self.unanswered:
            return t("{asks}, all answered: the machine needs about {machine}.", asks=asks, machine=machine)
        people, human = self.facts.people, self.unanswered * self.facts.frame_seconds
        if self.unanswered < self.asks:
            asks = t("{asks} ({n} answered)", asks=asks, n=numeral(self.asks - self.unanswered, ","))
        needs = "{asks}: people need about {time}, then the machine about {machine}."
        if self.settings.annotator.backend == SIMULATED:
            needs = "{asks}: simulated about {time}, then the machine about {machine}."
        each = t("{time} for each of {n} people", time=duration(human / people), n=people)
        return t(needs, asks=asks, time=each if people > 1 else duration(human), machine=machine)

    def of_campaign(self) -> str:
        """Say what is left of the budget, and what the rest is expected to take."""
        drawn, n_frames = numeral(self.facts.human_frames, ","), many(self.facts.n_frames, "frame")
        share = t("{n} of {frames} are labelled by people", n=drawn, frames=n_frames)
        plan, rounds = self.plan, self.rounds_left
        if plan.left is None or plan.frames is None:
            return f"{share}; {t('no budget is set.')}"
        values = {"left": numeral(plan.left, ","), "frames": many(plan.frames, "frame"), "share": share}
        values["time"] = duration(plan.left * self.facts.frame_seconds)
        if rounds is None:
            return t("Left of the budget: {left} of {frames} ({share}), about {time} of people's time.", **values)
        return t(
            "Left of the budget: {left} of {frames} ({share}), about {time} of people's time and {machine} of the "
            "machine.",
            machine=duration(rounds * self.facts.machine_seconds),
            **values,
        )

    def of_audit(self) -> str:
        """Say what the audits of deliveries ask people for and cost; empty where there are none."""
        settings, audit = self.settings, self.settings.audit
        if not is_audited(settings):
            return ""
        full, labels = full_size(settings), self.asks * self.facts.frame_seconds
        most, counts = full.seconds(settings, self.n_objects), bool(settings.stopping.target_quality)
        told = t(
            "up to about {time} of people's time ({judged} masks to judge, {blind} to draw from nothing, {frames} to "
            "look through)",
            time=duration(most),
            judged=full.judged,
            blind=audit.blind,
            frames=many(audit.frames, "frame"),
        )
        if settings.certificates.automatic:
            return t("Audits come on top: {told} for each delivery, to certify it (settings: certificates).", told=told)
        usual = size_of(settings, labels, self.n_objects).seconds(settings, self.n_objects)
        others = t("about {time}", time=duration(usual)) if usual else t("nothing, as labels take so little time,")
        return t(
            "Audits come on top: {told} for each delivery that may reach the target, {others} for each other (at most "
            "{share} of the labels' time; settings: audit)."
            if counts
            else "Audits come on top: {told} for the last delivery, {others} for each other (at most {share} of the "
            "labels' time; settings: audit).",
            told=told,
            others=others,
            share=percent(audit.share),
        )

    @property
    def _is_auto(self) -> bool:
        return self.settings.stopping.max_rounds == AUTO


def outlook_of(ledger: Ledger, settings: Settings) -> Outlook:
    """Return what is ahead.

    Args:
        settings: what the next round begins with; an open round keeps its own.
    """
    with ledger.held():
        return _outlook_of(ledger, settings)


def _outlook_of(ledger: Ledger, settings: Settings) -> Outlook:
    last = ledger.last_round()
    round_id, requests, unanswered = (last.round_id + 1 if last else 1), 0, 0
    if last is not None and last.status == "running":
        settings, round_id = last.settings, last.round_id
        requests, unanswered = len(ledger.requests(round_id)), len(ledger.requests(round_id, "open"))
    facts = facts_of(ledger, settings)
    plan = plan_campaign(settings, facts)
    rounds = ledger.rounds()
    learns = 0 if requests or any(r.status == "finished" for r in rounds) else _imported(ledger)
    uncounted = {r.round_id for r in rounds if r.status == "abandoned"}.union(rounds_that_learn(ledger))
    uncounted |= {round_id} if learns else set()
    asks, unanswered = (requests, unanswered) if requests else (plan.next_round, plan.next_round)
    return Outlook(
        settings, facts, plan, round_id, asks, unanswered, learns, len(uncounted), _objects(ledger.answer_times())
    )


def _imported(ledger: Ledger) -> int:
    """Return how many frames have labels that came from elsewhere; 0 where none of them holds an object."""
    brought = any(given.n_masks for given in ledger.imports() if given.purpose == "label")
    return len(ledger.imported_frames()["video_id"]) if brought else 0


def how_to_change(project: Project) -> str:
    """Say how another budget is asked for."""
    return (
        f"Other numbers: fewframes run {project.option} --budget FRAMES --rounds N --set selection.frames_per_round=N"
    )


def sentences_ahead(
    project: Project, ledger: Ledger, served: str | None, estimates: Sequence[RoundEstimates] | None = None
) -> list[str]:
    """Say what is next, which settings matter, what the round and the rest of the campaign are expected to take, and
    when a target of quality will be met.

    Args:
        served: where the project is served; None where it is not.
        estimates: of all audited rounds; None for those that are stored.
    """
    last = ledger.last_round()
    lines = [t("Next: {step}.", step=next_step(project, ledger, served))]
    if ledger.video_lengths():
        outlook = outlook_of(ledger, settings_in_force(ledger))
        if last is None or last.stop_reason is None:
            lines += filter(None, [outlook.of_round(), outlook.of_campaign(), outlook.of_audit()])
        known = stored_estimates(ledger) if estimates is None else estimates
        if (target := target_outlook(ledger, outlook.settings, known)) is not None:
            lines.append(target.in_words())
        lines.append(t("Settings: {values}.", values=settings_that_matter(outlook.settings, outlook.plan)))
    return lines


def next_step(project: Project, ledger: Ledger, served: str | None) -> str:
    """Say what somebody has to do so that the project goes on, with the command.

    Args:
        served: where the project is served; None where it is not.
    """
    at = project.option
    last = ledger.last_round()
    if not ledger.video_lengths():
        return t("take videos in: {command}", command=f"fewframes ingest PATH {at}")
    if not ledger.pool_lengths():
        return t("all videos are excluded; take one back: {command}", command=f"fewframes video include NAME {at}")
    if last is None:
        return t("begin the first round: {command}", command=f"fewframes run {at}")
    if ledger.paused() is not None:
        return t("the project is paused; to go on: {command}", command=f"fewframes resume {at}")
    if last.status != "running":
        return _next_round(ledger, last.stop_reason, at, served)
    failed = next((s for s in reversed(ledger.steps(last.round_id)) if s.error and s.status != "finished"), None)
    if failed is not None:
        broken = "step {step} of round {round} failed ({error}): mend it, then {command}"
        run = f"fewframes run {at}"
        return t(broken, step=t(failed.name), round=last.round_id, error=failed.error, command=run)
    waiting = ledger.waiting(last.round_id)
    if not waiting.open:
        return _next_without_answers(ledger, waiting, at, served)
    if last.settings.annotator.backend != "page":
        return t(
            "answer what round {round} asks for, then: {command}", round=last.round_id, command=f"fewframes run {at}"
        )
    if not any(not p.revoked and p.role is not Role.VIEWER for p in ledger.annotators()):
        return t("give somebody who labels a link: {command}", command=f"fewframes annotator add NAME {at}")
    return (
        t("people label {where}", where=served)
        if served
        else t("let people label: {command}", command=f"fewframes serve {at}")
    )


def _next_round(ledger: Ledger, stop_reason: str | None, at: str, served: str | None) -> str:
    """Say what comes next when no round is under way."""
    if stop_reason is not None:
        return t(
            "the campaign is over ({why}): give the labels away with {export}, or label more with {run}",
            why=heard(stop_reason),
            export=f"fewframes export --format coco --out labels.json {at}",
            run=f"fewframes run --budget FRAMES {at}",
        )
    if served and settings_in_force(ledger).annotator.backend == "page":
        return t("nothing: the next round begins by itself")
    return t("begin the next round: {command}", command=f"fewframes run {at}")


def _next_without_answers(ledger: Ledger, waiting: Waiting, at: str, served: str | None) -> str:
    """Say what comes next in a round whose requests are all answered."""
    if waiting.unapproved:
        approvals = approvals_of(ledger)
        return f"{approvals.in_words()}: {approvals.mend(at) or t('reviewers open /review of the page')}"
    return t("nothing: the machine is at work") if served else t("go on with: {command}", command=f"fewframes run {at}")


def hours_by_person(ledger: Ledger) -> list[tuple[str, int, float]]:
    """Return (name, frames, seconds) of everybody who answered, the busiest first; who is simulated is said so."""
    named = {SIMULATED: t("simulated (no person)"), "": t("unnamed")}
    return [(named.get(name, name), frames, seconds) for name, frames, seconds in ledger.effort_by_person()]


def settings_that_matter(settings: Settings, plan: Plan) -> str:
    """Say which settings shape the campaign, in one line."""
    auto = f" ({t('auto')})"
    asked, rounds = settings.selection.frames_per_round, settings.stopping.max_rounds
    ahead = t("{n} asked ahead", n=plan.ahead)
    parts = [
        t("answers by {backend}", backend=settings.annotator.backend),
        counted(plan.per_round, "{n} frame a round", "{n} frames a round") + (auto if asked == AUTO else ""),
        t("no limit of rounds")
        if plan.rounds is None
        else many(plan.rounds, "round") + (auto if rounds == AUTO else ""),
        ahead + (auto if settings.annotator.ahead == AUTO else ""),
        t("strategy {name}", name=settings.selection.strategy),
        t("student {name}", name=settings.student.config),
        t("propagation {names}", names=", ".join(settings.propagation.methods)),
    ]
    return ", ".join(parts)
