"""Tables for the terminal: the rounds of a project, and the campaigns of a simulation."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from al_core.ledger.asked_once import AskedOnce
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.stores.pretrained import PretrainedNetworks
from tasks.auditing.live_gain import proof_so_far
from tasks.auditing.round_estimates import estimates_now
from tasks.certificates.accepted_counts import counts_with_accepted
from tasks.certificates.certifying_rounds import sentence_ahead
from tasks.ledger.client import living_owner, open_ledger
from tasks.models.page_refiner import newest_refiner
from tasks.project.outlook import hours_by_person, sentences_ahead
from tasks.project.round_control import changed_in_words, command, pause_in_words, stuck, waiting_settings
from tasks.project.run_settings import settings_in_force
from tasks.report.certificate_words import looks_during, of_all, of_one
from tasks.report.estimate_words import in_words, jf_of, newest, rests_on, value_of, with_span
from tasks.report.formatting import between, duration, many, percent, score, shots_told, times
from tasks.report.round_rows import RoundRow, held_out_quality, round_rows
from tasks.reviews.approvals import approvals_of
from tasks.scheduling.notify import undelivered

if TYPE_CHECKING:
    from al_core.benchmark.arms import ArmComparison
    from al_core.benchmark.curve_points import SimulatedRound

_MOST_ROUNDS = 5
"""Rounds of simulated campaigns that get a column."""


def print_status(project: Project, console: Console, ledger: Ledger | None = None) -> None:
    """Print what a project holds, one line per round, what is left to do, and what is next.

    Args:
        ledger: of the project; None to open it.
    """
    ledger, owner = AskedOnce(ledger or open_ledger(project)), living_owner(project)

    def say(text: str) -> None:
        # A command stays whole, so that it can be pasted.
        console.print(text, highlight=False, markup=False, soft_wrap="fewframes " in text)

    with ledger.held():
        lengths = ledger.video_lengths()
        say(f"{project.root.name}: {many(len(lengths), 'video')}, {many(sum(lengths.values()), 'frame')}")
        excluded = ledger.excluded_videos()
        if excluded:
            say(f"excluded: {', '.join(v.name for v in ledger.videos() if v.video_id in excluded)}")
        shots = shots_told(ledger.shots().values())
        if shots:
            say(f"{', '.join(shots)}; masks are carried within a shot, and repeated frames are asked for once.")
        for line in _notices(project, ledger):
            say(line)
        estimates = estimates_now(project, ledger)
        rows = round_rows(ledger, estimates, counts_with_accepted(project, ledger))
        if rows:
            console.print(round_table(rows))
        else:
            say("No rounds yet.")
        if (estimated := newest(estimates)) is not None:
            say(in_words(estimated))
        for line in _certified(ledger):
            say(line)
        held_out = held_out_quality(ledger.quality(reference="holdout"))
        if held_out is not None:
            say(held_out.in_words())
        last = ledger.last_round()
        delivered = any(row.covered is not None for row in rows)
        if delivered and last is not None and last.settings.selection.control_share:
            say(f"Selection: {proof_so_far(ledger).in_words()}.")
        for line in _learned(project, ledger, rows):
            say(line)
        spent = [f"{who} {duration(s)} ({many(n, 'frame')})" for who, n, s in hours_by_person(ledger)]
        if spent:
            say(f"Human time: {', '.join(spent)}.")
        for line in sentences_ahead(project, ledger, f"at {owner.url}" if owner else None, estimates):
            say(line)


def _notices(project: Project, ledger: Ledger) -> Iterator[str]:
    """Yield what holds the rounds up, and which settings wait for the next one."""
    pause, problem, waiting = ledger.paused(), stuck(project, ledger), waiting_settings(ledger)
    if pause is not None:
        yield f"It is {pause_in_words(pause)}; to go on: {command('resume', project)}"
    if problem is not None:
        yield problem[0].upper() + problem[1:]
    unknown = settings_in_force(ledger).not_understood
    if unknown:
        yield f"It keeps settings that this version cannot use, and goes by its own defaults: {', '.join(unknown)}."
    if reviews := approvals_of(ledger).in_words():
        yield f"{reviews}."
    if waiting:
        yield f"{changed_in_words(waiting)} from the next round on."
    if (missed := undelivered(project)) is not None:
        yield f"Nobody was told: {missed}"


def _learned(project: Project, ledger: Ledger, rows: Sequence[RoundRow]) -> Iterator[str]:
    """Yield what the page's refiner, the networks of the whole footage, and the newest student learned."""
    if refiner := newest_refiner(ledger).in_words():
        yield refiner
    for network in PretrainedNetworks(project.pretrained).newest():
        yield f"{network.describe()[0].upper()}{network.describe()[1:]}."
    if student := next((row for row in reversed(rows) if row.learned), None):
        yield f"The student of round {student.round_id} was trained on {student.learned}."


def _certified(ledger: Ledger) -> Iterator[str]:
    """Yield what certificates say, and how far the next one is."""
    yield from filter(None, (of_all(ledger.certificates()), sentence_ahead(ledger, settings_in_force(ledger))))


def round_table(rows: Sequence[RoundRow]) -> Table:
    """Return one line per round; human frames and seconds are sums up to that round."""
    table = _table()
    measured = any(row.jf is not None or row.ap50 is not None for row in rows)
    estimated = any(row.estimated and row.estimated.figures for row in rows)
    quality = (("estim.\ngood",) if estimated else ()) + (("\nJ&F", "\nAP50") if measured else ())
    for name in ("\nround", "human\nframes", "human\ntime", "has\nmasks", *quality, "machine\ntime"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("\nstate")
    for row in rows:
        table.add_row(
            str(row.round_id),
            f"{row.human_frames:,}",
            duration(row.human_seconds),
            percent(row.coverage),
            *((value_of(row.estimated.best("good") if row.estimated else None),) if estimated else ()),
            *((score(row.jf), score(row.ap50)) if measured else ()),
            duration((row.seconds_train or 0) + (row.seconds_predict or 0) + row.seconds_other),
            f"{row.state}; not trained" if row.kept else row.state,
        )
    return table


def round_line(project: Project, round_id: int) -> Text:
    """Return one finished round in one line.

    Raises:
        KeyError: there is no such round.
    """
    ledger = open_ledger(project)
    row = {r.round_id: r for r in round_rows(ledger, estimates_now(project, ledger))}[round_id]
    imported = f", {row.imported:,} of them imported" if row.imported else ""
    parts = [
        f"{many(row.human_frames, 'human frame')} ({duration(row.human_seconds)}{imported})",
        f"masks on {percent(row.coverage)} of frames",
    ]
    good = row.estimated.best("good") if row.estimated else None
    parts += [f"estimated good {with_span(good)}, {rests_on(good)}"] if good is not None else []
    parts += [f"J&F {jf_of(row)}"] if jf_of(row) != "–" else []
    machine = (row.seconds_train or 0) + (row.seconds_predict or 0) + row.seconds_other
    parts.append(f"machine {duration(machine)}")
    parts += [row.kept] if row.kept else []
    parts += [f"trained on {row.learned}"] if row.learned else []
    parts += [of_one(look) for look in looks_during(ledger.certificates(), ledger.round(round_id))]
    return Text.assemble((f"round {round_id}", "bold"), "  ", ", ".join(parts))


def simulation_table(records: "Sequence[SimulatedRound]") -> Table:
    """Return mean J&F (and AP50 of the last round) per strategy and round, over sequences and seeds.

    Args:
        records: one per campaign and round.
    """
    rounds = _some({r.round for r in records})
    table = _table()
    table.caption, table.caption_justify = _campaigns(records), "left"
    table.add_column("\n\nstrategy", no_wrap=True)
    for round_id in rounds:
        frames = [r.human_frames for r in records if r.round == round_id]
        name = f"J&F\nround {round_id}\n{_span(frames)} frames"
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("AP50\nat the\nend", justify="right", no_wrap=True)
    table.add_column("\nhuman\nseconds", justify="right", no_wrap=True)
    for strategy in dict.fromkeys(r.strategy for r in records):
        per_round = [[r for r in records if (r.strategy, r.round) == (strategy, round_id)] for round_id in rounds]
        table.add_row(
            strategy,
            *(score(_mean(r.jf for r in found)) for found in per_round),
            score(_mean(r.ap50 for r in per_round[-1])),
            f"{_mean(r.human_seconds for r in per_round[-1]) or 0:,.0f}",
        )
    return table


def simulation_summary(comparison: "ArmComparison") -> Table:
    """Return one line per set and strategy: quality at the end, frames and time to the target, and ratios of time.

    A ratio says how many times the human time of the strategy a baseline needs for the same J&F, with its interval
    over videos.
    """
    table = _table()
    for name in ("set", "strategy"):
        table.add_column(name, no_wrap=True)
    goal = f"{comparison.target:g}".removeprefix("0")
    reached = (f"frames\nto {goal}", f"human time\nto {goal}")
    against = tuple(f"less time\nthan {baseline}" for baseline in comparison.baselines)
    for name in ("J&F", *reached):
        table.add_column(name, justify="right", no_wrap=True)
    for name in against:
        # On a narrow screen the interval goes below its ratio.
        table.add_column(name, justify="right", min_width=7)
    for name in comparison.sets:
        for entry in comparison.summary(name):
            frames, seconds = entry.reach["human_frames"], entry.reach["human_seconds"]
            ratios = (entry.ratios.get(("human_seconds", baseline)) for baseline in comparison.baselines)
            table.add_row(
                name,
                entry.arm,
                score(entry.final.value),
                between(frames.least, frames.most, "{:.1f}".format),
                between(seconds.least, seconds.most, duration),
                *("–" if ratio is None else times(ratio) for ratio in ratios),
            )
    return table


def _some(rounds: Iterable[int]) -> list[int]:
    """Return as many rounds as 80 columns have room for, spread evenly; the last one is among them."""
    known = sorted(rounds)
    step = -(-len(known) // _MOST_ROUNDS)
    return known[::-1][:: max(step, 1)][::-1]


def _table() -> Table:
    return Table(header_style="bold", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))


def _campaigns(records: "Sequence[SimulatedRound]") -> str:
    sequences = len({r.sequence for r in records})
    seeds = len({r.seed for r in records})
    return (
        f"means over {many(sequences, 'sequence')} and {many(seeds, 'seed')}, on frames that no human labelled; "
        "frames are human frames in all"
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _span(counts: Sequence[int]) -> str:
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"
