"""The page of a simulation: strategies beside each other, with intervals, as one HTML file.

Every figure comes from :class:`ArmComparison`; nothing is measured here.
"""

import math
from collections.abc import Callable
from html import escape
from pathlib import Path

from al_core.benchmark.arms import EFFORTS, AimResult, ArmComparison, ArmSummary, Effort
from al_core.benchmark.curve_points import GOOD
from al_core.evaluation.bootstrap import LEVEL, Estimate
from al_core.evaluation.learning_curve import CostRatio, Curves, Reach
from al_core.files import write_whole
from tasks.report.figures.simulation_figures import QUALITY_NAMES, Styles, curves, video_curves, widest_apart
from tasks.report.formatting import between, duration, many, percent, score
from tasks.report.pages.document import document
from tasks.report.pages.html import Charts, Markup, empty, note, table

MAX_VIDEOS = 12

_SETS = {
    "single": "Every clip is a campaign of its own.",
    "pool": "All clips are one campaign with one budget: a strategy has to find out which of them need it.",
    "long": "Every clip is made into long footage with quiet stretches and bursts, a campaign of its own.",
}
_UNITS: dict[Effort, str] = {"human_frames": "frames", "human_seconds": "time"}


def write_comparison(comparison: ArmComparison, out: Path) -> Path:
    """Render and write the page; it appears whole or not at all."""
    write_whole(out, render(comparison).encode())
    return out


def render(comparison: ArmComparison) -> str:
    """The HTML of the page."""
    charts, styles = Charts(), Styles(comparison)
    parts = {"Aims": aims(comparison)}
    for name in comparison.sets:
        parts[f"Set {name}"] = one_set(comparison, name, charts, styles)
    footer = (
        f"Written by fewframes. Intervals are of {LEVEL:.0%} over videos, by a bootstrap that keeps pairs together."
    )
    return document("Strategies compared by fewframes", header(comparison), parts, charts, footer)


def header(comparison: ArmComparison) -> str:
    """What was run, in a few figures."""
    points = comparison.points
    campaigns = len({p.key[:-1] for p in points})
    videos = len({(p.set_name, v.video) for p in points for v in p.videos})
    tiles = "".join(
        f'<dl class="tile"><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd>{escape(more)}</dd></dl>'
        for name, value, more in (
            ("Strategies", f"{len(comparison.arms()):,}", "with the kinds of label they ask for"),
            ("Campaigns", f"{campaigns:,}", many(len({p.seed for p in points}), "seed")),
            ("Videos", f"{videos:,}", f"in {many(len(comparison.sets), 'set')}"),
            ("Target", f"{QUALITY_NAMES[comparison.quality]} {comparison.target:g}", "that effort is compared at"),
        )
    )
    lead = "The same videos, seeds, propagation, annotator and prices for every strategy."
    return f'<h1>Strategies compared</h1><p class="lead">{lead}</p><div class="tiles">{tiles}</div>'


def aims(comparison: ArmComparison) -> str:
    """What the project set out to show, and whether these records show it."""
    rows = []
    for result in comparison.results():
        aim = result.aim
        found = "–" if result.ratio is None else _with_interval(*_ratio_words(result.ratio))
        measured = f"{_UNITS[aim.effort]} of {aim.baseline} / {aim.arm}"
        rows.append([aim.text, result.set_name, measured, f"≥ {aim.ratio:g}x", found, _verdict(result)])
    explained = (
        f"A ratio says how many times the effort of the strategy the baseline needs to reach "
        f"{QUALITY_NAMES[comparison.quality]} {comparison.target:g}, with its interval over videos. An aim is reached "
        "or not by the figure itself; “for certain” says that the whole interval is on that side."
    )
    head = ["aim", "set", "ratio", "asked", "found", "verdict"]
    return note(explained) + table(head, rows, text=[0, 1, 2, 5])


def one_set(comparison: ArmComparison, set_name: str, charts: Charts, styles: Styles) -> str:
    """A set's summary, its curves, and some of its videos."""
    entries = comparison.summary(set_name)
    if not entries:
        return empty("Nothing was measured in this set: its videos have no ground truth.")
    return (
        f"{note(_SETS.get(set_name, ''))}<h4>Summary</h4>{_summary(comparison, entries)}"
        f"<h4>Curves</h4>{_curves(comparison, set_name, charts, styles)}"
        f"<h4>Videos</h4>{_videos(comparison, set_name, charts, styles)}"
    )


def _summary(comparison: ArmComparison, entries: list[ArmSummary]) -> str:
    goal = f"{comparison.target:g}"
    pairs = [(effort, baseline) for effort in EFFORTS for baseline in comparison.baselines]
    head = [
        "strategy",
        QUALITY_NAMES[comparison.quality],
        "area under curve",
        "all frames",
        "good frames",
        "human time",
        f"frames to {goal}",
        f"time to {goal}",
        *(f"{_UNITS[effort]}: {baseline} needs" for effort, baseline in pairs),
    ]
    rows = [
        [
            Markup(f"<b>{escape(entry.arm)}</b>"),
            _estimate(entry.final),
            "–" if entry.area is None else _estimate(entry.area),
            score(entry.final_all),
            percent(entry.good),
            duration(entry.human_seconds),
            _reach(entry.reach["human_frames"], "{:.1f}".format),
            _reach(entry.reach["human_seconds"], duration),
            *(_marked(entry.ratios.get(pair)) for pair in pairs),
        ]
        for entry in entries
    ]
    first = entries[0]
    explained = (
        f"{many(first.n_videos, 'video')}, {many(first.n_seeds, 'seed')}; below a figure, its interval over videos. "
        f"{QUALITY_NAMES[comparison.quality]} is after the last round on frames that no person labelled, “all frames” "
        f"with those they labelled; a good frame has a J&F of at least {GOOD:g}. The area is that under the curve over "
        "human frames, over the span that all strategies share. Effort is per campaign; “>” means that the curve ends "
        "before the target, “≤” that its first round is there. The last columns say how many times the effort of the "
        "strategy a baseline needs: ▲ it needs more, ▼ less, filled where the whole interval says so."
    )
    return table(head, rows, text=[0]) + note(explained)


def _curves(comparison: ArmComparison, set_name: str, charts: Charts, styles: Styles) -> str:
    figure = curves(comparison, set_name, styles)
    if figure is None:
        return empty("No curves.")
    banded = [arm for arm in comparison.arms(set_name) if arm in styles.banded]
    some = f" ({', '.join(banded)})" if len(banded) < len(comparison.arms(set_name)) else ""
    text = (
        f"Means over videos and seeds; bands{some} are intervals over videos, the dotted line is the target. Effort is "
        "that of a campaign. A click on a name hides a strategy, two clicks show it alone."
    )
    return f'<div class="card">{charts.place(figure)}{note(text)}</div>'


def _videos(comparison: ArmComparison, set_name: str, charts: Charts, styles: Styles) -> str:
    found: dict[str, Curves] = {}
    for arm in comparison.arms(set_name):
        known = comparison.curves(set_name, arm, "human_frames")
        if known is not None:
            found[arm] = known
    total = len({video for known in found.values() for video in known.videos})
    shown = widest_apart(found, MAX_VIDEOS)
    grid = "".join(
        charts.card(video_curves(found, video, "human_frames", comparison.target, styles), video) for video in shown
    )
    which = (
        f"The {len(shown)} of {total:,} videos on which strategies end furthest apart. " if len(shown) < total else ""
    )
    text = f"{which}{QUALITY_NAMES[comparison.quality]} against human frames of the campaign, in the colours above."
    return f'{note(text)}<div class="charts small">{grid}</div>'


def _verdict(result: AimResult) -> Markup:
    if result.ratio is None:
        return Markup("not run")
    if result.reached is None:
        return Markup("open: the curves end too early")
    mark, name = ("✓ reached", "better") if result.reached else ("✗ not reached", "worse")
    sure = ", for certain" if result.certain else ""
    return Markup(f'<span class="{name}{" certain" if sure else ""}">{mark}{sure}</span>')


def _marked(ratio: CostRatio | None) -> str:
    """A ratio, marked above or below 1."""
    if ratio is None:
        return "–"
    own, interval = _ratio_words(ratio)
    if ratio.least > 1:
        sure = ratio.low > 1
        mark, name = "▲" if sure else "△", "better"
    elif ratio.most < 1:
        sure = ratio.high < 1
        mark, name = "▼" if sure else "▽", "worse"
    else:
        return _with_interval(own, interval)
    return _with_interval(own, interval, f'<span class="{name}{" certain" if sure else ""}">{{}} {mark}</span>')


def _ratio_words(ratio: CostRatio) -> tuple[str, str]:
    return _between(ratio.least, ratio.most), "" if math.isnan(ratio.low) else _between(ratio.low, ratio.high, " – ")


def _between(least: float, most: float, dash: str = "–") -> str:
    if dash == "–" or least == most or not least or math.isinf(most):
        return between(least, most, "{:.2f}x".format)
    return f"{least:.2f}{dash}{most:.2f}"


def _estimate(estimate: Estimate) -> Markup:
    return _with_interval(score(estimate.value), f"{estimate.low:.3f} – {estimate.high:.3f}" if estimate.known else "")


def _with_interval(own: str, interval: str, frame: str = "{}") -> Markup:
    small = f"<small>{escape(interval)}</small>" if interval else ""
    return Markup(frame.format(escape(own)) + small)


def _reach(reach: Reach, text: Callable[[float], str]) -> str:
    return between(reach.least, reach.most, text)
