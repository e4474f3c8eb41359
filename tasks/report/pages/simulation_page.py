"""The page of a simulation: strategies beside each other, with intervals, as one HTML file.

Every figure comes from :class:`ArmComparison`; nothing is measured here.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from al_core.benchmark.arms import EFFORTS, AimResult, ArmComparison, ArmSummary, Effort
from al_core.benchmark.curve_points import GOOD
from al_core.evaluation.bootstrap import LEVEL, Estimate
from al_core.evaluation.learning_curve import CostRatio, Curves, Reach
from al_core.files import write_whole
from tasks.report.figures.simulation_figures import QUALITY_NAMES, Styles, curves, video_curves, widest_apart
from tasks.report.formatting import between, duration, many, percent, score
from tasks.report.pages import document
from tasks.report.pages.document import Charts
from tasks.report.pages.document import render as fill_in

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
    """Return the HTML of the page."""
    charts, styles = Charts(), Styles(comparison)
    parts = {"Aims": aims(comparison)}
    for name in comparison.sets:
        parts[f"Set {name}"] = one_set(comparison, name, charts, styles)
    footer = (
        f"Written by fewframes. Intervals are of {LEVEL:.0%} over videos, by a bootstrap that keeps pairs together."
    )
    return document.document("Strategies compared by fewframes", header(comparison), parts, charts, footer)


def header(comparison: ArmComparison) -> Markup:
    """Render what was run, in a few figures."""
    points = comparison.points
    campaigns = len({p.key[:-1] for p in points})
    videos = len({(p.set_name, v.video) for p in points for v in p.videos})
    tiles = [
        ("Strategies", f"{len(comparison.arms()):,}", "with the kinds of label they ask for"),
        ("Campaigns", f"{campaigns:,}", many(len({p.seed for p in points}), "seed")),
        ("Videos", f"{videos:,}", f"in {many(len(comparison.sets), 'set')}"),
        ("Target", f"{QUALITY_NAMES[comparison.quality]} {comparison.target:g}", "that effort is compared at"),
    ]
    lead = "The same videos, seeds, propagation, annotator and prices for every strategy."
    return document.header("Strategies compared", lead, tiles)


def aims(comparison: ArmComparison) -> Markup:
    """Render what the project set out to show, and whether these records show it."""
    rows = [
        (
            result.aim.text,
            result.set_name,
            f"{_UNITS[result.aim.effort]} of {result.aim.baseline} / {result.aim.arm}",
            f"≥ {result.aim.ratio:g}x",
            "–" if result.ratio is None else _with_interval(*_ratio_words(result.ratio)),
            _verdict(result),
        )
        for result in comparison.results()
    ]
    quality, target = QUALITY_NAMES[comparison.quality], f"{comparison.target:g}"
    return fill_in("aims.html", quality=quality, target=target, rows=rows)


def one_set(comparison: ArmComparison, set_name: str, charts: Charts, styles: Styles) -> Markup:
    """Render a set's summary, its curves, and some of its videos."""
    entries = comparison.summary(set_name)
    if not entries:
        return fill_in("set.html", first=None)
    return fill_in(
        "set.html",
        first=entries[0],
        about=_SETS.get(set_name, ""),
        quality=QUALITY_NAMES[comparison.quality],
        good=f"{GOOD:g}",
        charts=charts,
        curves=curves(comparison, set_name, styles),
        banded=_banded(comparison.arms(set_name), styles),
        **_summary(comparison, entries),
        **_videos(comparison, set_name, styles),
    )


def _summary(comparison: ArmComparison, entries: list[ArmSummary]) -> dict[str, Any]:
    """Return the head and the rows of the table of strategies."""
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
            Markup("<b>{}</b>").format(entry.arm),
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
    return {"head": head, "rows": rows}


def _banded(arms: list[str], styles: Styles) -> str:
    """Name the strategies whose curves have a band, where not all have."""
    banded = [arm for arm in arms if arm in styles.banded]
    return f" ({', '.join(banded)})" if len(banded) < len(arms) else ""


def _videos(comparison: ArmComparison, set_name: str, styles: Styles) -> dict[str, Any]:
    """Return the curves of the videos on which strategies end furthest apart, and how many videos there are."""
    found: dict[str, Curves] = {}
    for arm in comparison.arms(set_name):
        known = comparison.curves(set_name, arm, "human_frames")
        if known is not None:
            found[arm] = known
    shown = widest_apart(found, MAX_VIDEOS)
    figures = [(video, video_curves(found, video, "human_frames", comparison.target, styles)) for video in shown]
    return {"videos": figures, "n_videos": len({video for known in found.values() for video in known.videos})}


def _verdict(result: AimResult) -> str:
    if result.ratio is None:
        return "not run"
    if result.reached is None:
        return "open: the curves end too early"
    mark, name = ("✓ reached", "better") if result.reached else ("✗ not reached", "worse")
    return _judged(f"{mark}, for certain" if result.certain else mark, name, result.certain)


def _marked(ratio: CostRatio | None) -> str:
    """Return a ratio, marked above or below 1."""
    if ratio is None:
        return "–"
    own, interval = _ratio_words(ratio)
    if ratio.least > 1:
        sure = ratio.low > 1
        marked: str = _judged(f"{own} {'▲' if sure else '△'}", "better", sure)
    elif ratio.most < 1:
        sure = ratio.high < 1
        marked = _judged(f"{own} {'▼' if sure else '▽'}", "worse", sure)
    else:
        marked = own
    return _with_interval(marked, interval)


def _judged(text: str, verdict: str, certain: bool) -> Markup:
    return Markup('<span class="{}">{}</span>').format(f"{verdict} certain" if certain else verdict, text)


def _ratio_words(ratio: CostRatio) -> tuple[str, str]:
    return _between(ratio.least, ratio.most), "" if math.isnan(ratio.low) else _between(ratio.low, ratio.high, " – ")


def _between(least: float, most: float, dash: str = "–") -> str:
    if dash == "–" or least == most or not least or math.isinf(most):
        return between(least, most, "{:.2f}x".format)
    return f"{least:.2f}{dash}{most:.2f}"


def _estimate(estimate: Estimate) -> Markup:
    return _with_interval(score(estimate.value), f"{estimate.low:.3f} – {estimate.high:.3f}" if estimate.known else "")


def _with_interval(own: str, interval: str) -> Markup:
    return Markup("{}<small>{}</small>" if interval else "{}").format(own, interval)


def _reach(reach: Reach, text: Callable[[float], str]) -> str:
    return between(reach.least, reach.most, text)
