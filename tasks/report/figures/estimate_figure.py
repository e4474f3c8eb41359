"""The figure of what audits say of each round's delivery."""

from collections.abc import Sequence

from al_core.audit.audit_records import Grade
from al_core.export.palette import SERIES_COLOURS
from tasks.auditing.round_estimates import RoundEstimates
from tasks.languages.phrases import t
from tasks.report.figures.round_figures import Figure, chart_layout, rounded
from tasks.report.formatting import score

LINES = (
    ("good", Grade.JUDGED, "good masks, judged"),
    ("good", Grade.MEASURED, "good masks, measured"),
    ("jf", Grade.MEASURED, "J&F, measured"),
)
"""What is drawn: metric, grade, name."""
_HOVER = "round %{customdata[0]}, {name}: %{y:.3f} (%{customdata[1]}, %{customdata[2]} answers)"


def estimates_by_round(estimates: Sequence[RoundEstimates]) -> Figure:
    """Draw estimates over rounds, each with its 95 % interval."""
    data = []
    for number, (metric, grade, name) in enumerate(LINES):
        found = [(each.round_id, known) for each in estimates if (known := each.of(metric, grade)) is not None]
        if not found:
            continue
        colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
        data.append({
            "type": "scatter", "mode": "lines+markers", "name": t(name),
            # Beside each other, so that intervals do not hide one another.
            "x": [round_id + 0.06 * (number - 1) for round_id, _ in found],
            "y": rounded([f.value for _, f in found]),
            "error_y": {
                "type": "data", "symmetric": False, "thickness": 1.5, "width": 5, "color": colour,
                "array": rounded([f.high - f.value for _, f in found]),
                "arrayminus": rounded([f.value - f.low for _, f in found]),
            },
            "line": {"color": colour, "width": 2}, "marker": {"color": colour, "size": 8},
            "customdata": [[r, t("{low} to {high}", low=score(f.low), high=score(f.high)), f.n] for r, f in found],
            "hovertemplate": t(_HOVER, name=t(name)) + "<extra></extra>",
        })  # fmt: skip
    layout = chart_layout(t("round"), "")
    layout["yaxis"] |= {"range": [0, 1.02]}
    layout["xaxis"] |= {"dtick": 1}
    return {"data": data, "layout": layout}
