"""The figure of one video: its uncertainty, the chosen frames on it, and below it who labelled what."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from al_core.export.palette import COMPONENT_COLOURS, PROVENANCE_COLOURS, UNLABELLED_COLOUR, rgb
from al_core.records import Video
from tasks.report.figures.round_figures import Figure, chart_layout, rounded
from tasks.report.formatting import clock
from tasks.report.timeline import MAX_POINTS, Choice, DeliveredFrames, Uncertainty


def time_line(
    video: Video,
    times_us: NDArray[np.int64],
    uncertain: Uncertainty | None,
    delivered: DeliveredFrames | None,
    chosen: Sequence[Choice],
    human_frames: Sequence[int],
) -> Figure:
    """Uncertainty over the frames of a video.

    Args:
        times_us: presentation time of each frame in microseconds, shape [n_frames].
        uncertain, delivered: None where nothing was predicted or delivered yet.
    """
    data: list[Figure] = []
    if uncertain is not None:
        data += [_part(name, uncertain, times_us) for name in uncertain.parts]
        data.append(_score(uncertain, times_us))
    data += _markers(chosen, uncertain, times_us, set(human_frames))
    data += _ribbon(delivered, sorted(human_frames), times_us)
    return {"data": data, "layout": _layout(video, uncertain)}


def _layout(video: Video, uncertain: Uncertainty | None) -> Figure:
    layout = chart_layout(f"frame, 0 to {video.n_frames - 1:,}", "")
    layout["xaxis"] |= {"range": [-0.5, video.n_frames - 0.5], "anchor": "y2", "showgrid": False}
    layout["yaxis"] |= {"domain": [0.2, 1], "range": [0, 1], "showgrid": False, "showticklabels": False}
    layout["yaxis2"] = {
        "domain": [0, 0.12],
        "range": [0, 1],
        "tickvals": [0.5],
        "ticktext": ["labels"],
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
    }
    layout["legend"] |= {"traceorder": "normal"}
    layout |= {"height": 170, "hovermode": "closest", "meta": "frames"}
    if uncertain is not None:
        highest = float(uncertain.score.max())
        layout["yaxis"] |= {"title": {"text": "uncertainty"}, "range": [0, 1.2 * highest or 1], "nticks": 4}
        layout["yaxis"] |= {"showgrid": True, "showticklabels": True}
        layout["height"] = 300
    return layout


def _part(name: str, uncertain: Uncertainty, times_us: NDArray[np.int64]) -> Figure:
    shown = name.replace("_", " ")
    trace: Figure = {
        "type": "scatter",
        "mode": "lines",
        "name": shown,
        "x": uncertain.frame_idx.tolist(),
        "y": rounded(uncertain.parts[name], 4),
        "customdata": _places(uncertain.frame_idx, times_us),
        "line": {"width": 1.5, "color": COMPONENT_COLOURS[name]},
        "hovertemplate": f"{shown}: %{{y:.3f}}, %{{customdata}}<extra></extra>",
    }
    if not uncertain.adds_up:
        return trace | {"visible": "legendonly"}
    return trace | {
        "stackgroup": "parts",
        "fillcolor": COMPONENT_COLOURS[name],
        "line": {"width": 0, "color": COMPONENT_COLOURS[name]},
    }


def _score(uncertain: Uncertainty, times_us: NDArray[np.int64]) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "uncertainty",
        "x": uncertain.frame_idx.tolist(),
        "y": rounded(uncertain.score, 4),
        "customdata": _places(uncertain.frame_idx, times_us),
        "line": {"color": "ink", "width": 1.25},
        "hovertemplate": "uncertainty: %{y:.3f}, %{customdata}<extra></extra>",
    }


def _markers(
    chosen: Sequence[Choice], uncertain: Uncertainty | None, times_us: NDArray[np.int64], human: set[int]
) -> list[Figure]:
    traces: list[Figure] = []
    for newest in (False, True):
        mine = [c for c in chosen if c.newest == newest]
        if not mine:
            continue
        states = ["labelled" if c.frame_idx in human else "not labelled yet" for c in mine]
        places = _places(np.array([c.frame_idx for c in mine]), times_us)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text" if newest else "markers",
                "name": f"chosen in round {mine[0].round_id}" if newest else "chosen before",
                "x": [c.frame_idx for c in mine],
                "y": rounded([_height(uncertain, c.frame_idx) for c in mine]),
                "text": [str(c.place) for c in mine],
                "textposition": "top center",
                "cliponaxis": False,
                "customdata": [
                    [place, c.round_id, c.place, state, escape(c.reason, quote=False)]
                    for c, state, place in zip(mine, states, places, strict=True)
                ],
                "marker": {
                    "size": 12 if newest else 8,
                    "symbol": "diamond",
                    "line": {"width": 1.5, "color": "surface"},
                    "color": [PROVENANCE_COLOURS["human"] if c.frame_idx in human else UNLABELLED_COLOUR for c in mine],
                },
                "hovertemplate": "%{customdata[0]}<br>round %{customdata[1]}, choice %{customdata[2]}, "
                "%{customdata[3]}<br>%{customdata[4]}<extra></extra>",
            }
        )
    return traces


def _ribbon(delivered: DeliveredFrames | None, human: Sequence[int], times_us: NDArray[np.int64]) -> list[Figure]:
    traces: list[Figure] = []
    if delivered is not None:
        traces.append(_provenance_band(delivered, times_us))
    if human:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "yaxis": "y2",
                "name": "human label",
                "x": list(human),
                "y": [0.5] * len(human),
                "marker": {
                    "symbol": "line-ns",
                    "size": 18,
                    "color": PROVENANCE_COLOURS["human"],
                    "line": {"width": 4, "color": PROVENANCE_COLOURS["human"]},
                },
                "customdata": _places(np.array(human), times_us),
                "hovertemplate": "%{customdata}: human label<extra></extra>",
            }
        )
    return traces


def _provenance_band(delivered: DeliveredFrames, times_us: NDArray[np.int64]) -> Figure:
    """A band of one colour per frame; in a long video each stretch has that of its least founded frame."""
    codes = delivered.provenance
    starts = np.unique(np.linspace(0, len(codes), min(len(codes), MAX_POINTS), endpoint=False).astype(int))
    reduced = np.maximum.reduceat(codes, starts)
    centres = (starts + np.append(starts[1:], len(codes)) - 1) / 2
    red, green, blue = rgb(UNLABELLED_COLOUR)
    colours = [f"rgba({red},{green},{blue},0.25)", *PROVENANCE_COLOURS.values()]
    names = np.array(["no label", *PROVENANCE_COLOURS])
    steps = len(colours)
    return {
        "type": "heatmap",
        "yaxis": "y2",
        "x": centres.tolist(),
        "y": [0.5],
        "z": [reduced.tolist()],
        "zmin": -0.5,
        "zmax": steps - 0.5,
        "colorscale": [[(i + edge) / steps, colour] for i, colour in enumerate(colours) for edge in (0, 1)],
        "showscale": False,
        "text": [names[reduced].tolist()],
        "customdata": [_places(starts, times_us)],
        "hovertemplate": "%{customdata}: %{text}<extra></extra>",
    }


def _height(uncertain: Uncertainty | None, frame_idx: int) -> float:
    """Where a chosen frame's marker sits: on the line of the uncertainty."""
    if uncertain is None:
        return 0.5
    return float(np.interp(frame_idx, uncertain.frame_idx, uncertain.score))


def _places(frame_idx: NDArray[np.int_], times_us: NDArray[np.int64]) -> list[str]:
    return [f"frame {i} ({clock(int(times_us[i] - times_us[0]))})" for i in frame_idx.tolist()]
