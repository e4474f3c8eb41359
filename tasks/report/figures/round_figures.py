"""The figures over rounds, as plain plotly.js descriptions.

Axes and text get their colours in the browser, which knows whether the page is light or dark; a colour "ink"
or "surface" stands for the page's own.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from al_core.evaluation.calibration import Samples, reliability
from al_core.export.palette import PROVENANCE_COLOURS, SERIES_COLOURS, UNLABELLED_COLOUR, rgb
from al_core.ledger.store import Step
from al_core.records import QualityRow
from tasks.report.formatting import percent
from tasks.report.round_rows import RoundRow

Figure = dict[str, Any]
"""``{"data": [...], "layout": {...}}`` as ``Plotly.newPlot`` takes it."""

STEP_ORDER = ("train", "predict", "propagate", "select", "audit", "request", "collect")
MAX_VIDEO_LINES = 40
MAX_CATEGORIES = 30


def frame_coverage(rows: Sequence[RoundRow]) -> Figure:
    """Share of all frames per round and provenance, each frame once; what is left has no mask."""
    shown = [r for r in rows if r.covered is not None and r.n_frames]
    totals = [r.n_frames for r in shown]
    data = [
        _bar(shown, [r.frames_by.get(name, 0) for r in shown], totals, name, colour)
        for name, colour in PROVENANCE_COLOURS.items()
        if any(r.frames_by.get(name) for r in shown)
    ]
    rest = [r.n_frames - (r.covered or 0) for r in shown]
    data.append(_bar(shown, rest, totals, "no label", UNLABELLED_COLOUR))
    return {"data": data, "layout": _share_layout("share of all frames", len(shown))}


def mask_coverage(rows: Sequence[RoundRow]) -> Figure:
    """Share of all delivered masks (object-frames) per round and provenance."""
    shown = [r for r in rows if sum(r.masks_by.values())]
    totals = [sum(r.masks_by.values()) for r in shown]
    data = [
        _bar(shown, [r.masks_by.get(name, 0) for r in shown], totals, name, colour)
        for name, colour in PROVENANCE_COLOURS.items()
        if any(r.masks_by.get(name) for r in shown)
    ]
    return {"data": data, "layout": _share_layout("share of delivered masks", len(shown))}


def coverage_over_time(rows: Sequence[RoundRow]) -> Figure:
    """Share of all frames per provenance, each frame once, from when each round delivered its masks (UTC)."""
    shown = [r for r in rows if r.delivered_at is not None and r.n_frames]
    times = [r.delivered_at for r in shown if r.delivered_at is not None]
    if times:
        # The newest round's step would have no width without something after it.
        times.append(times[-1] + max((times[-1] - times[0]) / 10, timedelta(seconds=1)))
        shown.append(shown[-1])
    data = []
    for name, colour in PROVENANCE_COLOURS.items():
        counts = [r.frames_by.get(name, 0) for r in shown]
        if any(counts):
            shares = [n / r.n_frames for n, r in zip(counts, shown, strict=True)]
            trace = {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": [f"{time:%Y-%m-%d %H:%M:%S}" for time in times],
                "y": rounded(shares),
                "stackgroup": "frames",
                "line": {"width": 1, "color": colour, "shape": "hv"},
                "fillcolor": colour,
                "customdata": [f"{n:,}" for n in counts],
                "hovertemplate": f"%{{x}}, {name}: %{{customdata}} (%{{y:.0%}})<extra></extra>",
            }
            data.append(trace)
    layout = chart_layout("", "share of all frames")
    layout["yaxis"] |= {"range": [0, 1], "tickformat": ".0%"}
    layout["legend"] |= {"traceorder": "normal"}
    return {"data": data, "layout": layout}


def category_coverage(masks: Sequence[tuple[str, str, int]]) -> Figure:
    """Masks per category, stacked by provenance, the most frequent category on top.

    Args:
        masks: (category, provenance, masks).
    """
    totals: Counter[str] = Counter()
    for category, _, n in masks:
        totals[category] += n
    order = [name for name, _ in totals.most_common(MAX_CATEGORIES)][::-1]
    count = {(category, provenance): n for category, provenance, n in masks}
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": order,
            "x": [count.get((category, name), 0) for category in order],
            "marker": {"color": colour},
            "hovertemplate": f"%{{y}}, {name}: %{{x:,}}<extra></extra>",
        }
        for name, colour in PROVENANCE_COLOURS.items()
        if any((category, name) in count for category in order)
    ]
    layout = chart_layout("masks", "")
    layout["yaxis"] |= {"type": "category"}
    layout["legend"] |= {"traceorder": "normal"}
    return {"data": data, "layout": layout | {"barmode": "stack", "bargap": 0.35, "height": 120 + 28 * len(order)}}


def quality(
    figures: Sequence[QualityRow],
    rows: Sequence[RoundRow],
    names: Mapping[int, str],
    metric: str,
    against: str,
) -> Figure:
    """A metric over human effort: mean over videos per provenance, and a faint line per video.

    Args:
        figures: quality of all rounds, as the ledger gives it.
        names: of the videos, by id.
        metric: "jf" or "ap50".
        against: "frames" or "minutes" of human work.
    """
    effort = {r.round_id: r.human_frames if against == "frames" else r.human_seconds / 60 for r in rows}
    mine = [q for q in figures if q.metric == metric and q.track_id is None and q.round_id in effort]
    data = _video_lines([q for q in mine if q.provenance == "all"], effort, names)
    for provenance, colour in {"all": "ink", **PROVENANCE_COLOURS}.items():
        per_round: dict[int, list[float]] = {}
        for q in mine:
            if q.provenance == provenance:
                per_round.setdefault(q.round_id, []).append(q.value)
        if per_round:
            data.append(_mean_line(per_round, effort, provenance, colour, against))
    layout = chart_layout(
        "human frames" if against == "frames" else "human time (minutes)",
        {"jf": "J&F", "ap50": "AP50"}[metric],
    )
    lowest = min((q.value for q in mine), default=0.0)
    layout["yaxis"]["range"] = [max(0.0, float(np.floor(lowest * 10 - 0.2)) / 10), 1.005]
    layout["xaxis"]["rangemode"] = "tozero"
    return {"data": data, "layout": layout}


def training(curves: Mapping[int, Sequence[tuple[int, float, float]]]) -> Figure:
    """Training loss per round, each a running mean; the newer a round, the stronger its colour."""
    red, green, blue = rgb(SERIES_COLOURS[0])
    data = []
    for number, (round_id, curve) in enumerate(sorted(curves.items()), start=1):
        losses = np.array([loss for _, loss, _ in curve])
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"round {round_id}",
                "x": [iteration for iteration, _, _ in curve],
                "y": rounded(running_mean(losses, max(1, len(losses) // 25))),
                "line": {
                    "width": 2,
                    "color": f"rgba({red},{green},{blue},{0.25 + 0.75 * number / len(curves):.2f})",
                },
                "hovertemplate": f"round {round_id}, iteration %{{x}}: loss %{{y:.3g}}<extra></extra>",
            }
        )
    layout = chart_layout("iteration", "loss (running mean)")
    layout["yaxis"] |= {"type": "log", "dtick": "D2"}
    return {"data": data, "layout": layout}


def durations(steps: Sequence[Step]) -> Figure:
    """Seconds of work per round, stacked by step."""
    present = {s.name for s in steps}
    names = [n for n in STEP_ORDER if n in present] + sorted(present - set(STEP_ORDER))
    rounds = sorted({s.round_id for s in steps})
    data = []
    for number, name in enumerate(names):
        taken = Counter({s.round_id: s.seconds for s in steps if s.name == name})
        data.append(
            {
                "type": "bar",
                "name": name,
                "x": [_round_name(r) for r in rounds],
                "y": rounded([taken[r] for r in rounds]),
                "marker": {"color": SERIES_COLOURS[number % len(SERIES_COLOURS)]},
                "hovertemplate": f"%{{x}}, {name}: %{{y:,.1f}} s<extra></extra>",
            }
        )
    return {"data": data, "layout": _bar_layout("seconds", len(rounds))}


def calibration(samples: Mapping[str, Samples]) -> Figure:
    """A reliability diagram: how good masks turned out to be, over the confidence that they were delivered with."""
    data: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [0, 1],
            "y": [0, 1],
            "line": {"color": UNLABELLED_COLOUR, "width": 1, "dash": "dot"},
            "showlegend": False,
            "hoverinfo": "skip",
        }
    ]
    for name, found in samples.items():
        bins = reliability(found)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{name} masks",
                "x": rounded([b.confidence for b in bins]),
                "y": rounded([b.overlap for b in bins]),
                "customdata": [b.n for b in bins],
                "line": {"color": PROVENANCE_COLOURS.get(name, "ink"), "width": 2},
                "marker": {"size": [5 + 2 * math.log2(1 + b.n) for b in bins]},
                "hovertemplate": f"{name}: %{{x:.2f}} delivered, IoU %{{y:.2f}} (%{{customdata}} masks)<extra></extra>",
            }
        )
    layout = chart_layout("confidence as delivered", "IoU with what a person drew then")
    layout["xaxis"]["range"] = layout["yaxis"]["range"] = [0, 1.02]
    return {"data": data, "layout": layout}


def running_mean(values: NDArray[np.floating], width: int) -> NDArray[np.float64]:
    """Mean over the last ``width`` values, fewer at the start; shape as given."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - width, 0)
    return np.asarray((total[end] - total[start]) / (end - start))


def chart_layout(x: str, y: str) -> dict[str, Any]:
    """A figure's layout with titles for both axes and the legend on top."""
    return {
        "height": 280,
        "margin": {"l": 60, "r": 12, "t": 8, "b": 44 if x else 26},
        "xaxis": {"title": {"text": x}, "zeroline": False},
        "yaxis": {"title": {"text": y}, "zeroline": False},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hoverlabel": {"align": "left"},
    }


def rounded(values: ArrayLike, digits: int = 5) -> list[float]:
    """Floats with so many significant digits, which keeps the page small."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, float).ravel()]


def _bar_layout(title: str, n_rounds: int) -> dict[str, Any]:
    """Stacked bars, one per round; few of them do not grow broad."""
    layout = chart_layout("", title)
    layout["xaxis"] |= {"type": "category", "range": [-0.5, max(n_rounds, 4) - 0.5]}
    layout["legend"] |= {"traceorder": "normal"}
    return layout | {"barmode": "stack", "bargap": 0.35}


def _share_layout(title: str, n_rounds: int) -> dict[str, Any]:
    layout = _bar_layout(title, n_rounds)
    layout["yaxis"] |= {"range": [0, 1], "tickformat": ".0%"}
    return layout


def _bar(rows: Sequence[RoundRow], counts: Sequence[int], totals: Sequence[int], name: str, colour: str) -> Figure:
    shares = [count / total for count, total in zip(counts, totals, strict=True)]
    return {
        "type": "bar",
        "name": name,
        "x": [_round_name(r.round_id) for r in rows],
        "y": rounded(shares),
        "customdata": [[f"{count:,}", percent(share)] for count, share in zip(counts, shares, strict=True)],
        "marker": {"color": colour},
        "hovertemplate": f"%{{x}}, {name}: %{{customdata[0]}} (%{{customdata[1]}})<extra></extra>",
    }


def _video_lines(figures: Sequence[QualityRow], effort: Mapping[int, float], names: Mapping[int, str]) -> list[Figure]:
    videos = list(dict.fromkeys(q.video_id for q in figures))[:MAX_VIDEO_LINES]
    lines: list[Figure] = []
    for number, video_id in enumerate(videos if len(videos) > 1 else []):
        mine = [q for q in figures if q.video_id == video_id]
        lines.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "each video",
                "legendgroup": "videos",
                "showlegend": number == 0,
                "x": rounded([effort[q.round_id] for q in mine]),
                "y": rounded([q.value for q in mine]),
                "line": {"color": UNLABELLED_COLOUR, "width": 1},
                "marker": {"size": 3},
                "opacity": 0.75,
                "text": escape(names.get(video_id, str(video_id)), quote=False),
                "hovertemplate": "%{text}: %{y:.3f}<extra></extra>",
            }
        )
    return lines


def _mean_line(
    per_round: Mapping[int, Sequence[float]],
    effort: Mapping[int, float],
    provenance: str,
    colour: str,
    against: str,
) -> Figure:
    whole = provenance == "all"
    name = "all masks" if whole else f"{provenance} masks"
    rounds = sorted(per_round)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": rounded([effort[r] for r in rounds]),
        "y": rounded([sum(per_round[r]) / len(per_round[r]) for r in rounds]),
        "customdata": [[r, len(per_round[r])] for r in rounds],
        "line": {"color": colour, "width": 3 if whole else 2, "dash": "solid" if whole else "dot"},
        "marker": {"color": colour, "size": 7 if whole else 5},
        "hovertemplate": f"round %{{customdata[0]}}, {name}: %{{y:.3f}} (mean of %{{customdata[1]}} videos) "
        f"after %{{x:,.4~g}} human {against}<extra></extra>",
    }


def _round_name(round_id: int) -> str:
    return f"round {round_id}"
