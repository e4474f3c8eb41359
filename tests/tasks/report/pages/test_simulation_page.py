"""The page that compares strategies."""

import re

import pytest

from al_core.benchmark.arms import ArmComparison
from tasks.report.pages.simulation_page import render, write_comparison
from tests.toys import curves


@pytest.fixture(scope="module")
def html():
    points = curves.single() + curves.pool(frames=range(5, 300, 20))
    return render(ArmComparison(tuple(points), draws=200))


def row(html, *starts):
    """The text of the cells of the first row that begins with these cells."""
    for found in re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.DOTALL):
        cells = [
            re.sub(r"<[^>]+>", " ", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", found, re.S)
        ]
        if tuple(cells[: len(starts)]) == starts:
            return cells
    raise AssertionError(f"no row begins with {starts}")


def test_every_strategy_has_a_line_in_the_summary(html):
    for arm in ("value", "value, all", "uniform", "random", "random, click"):
        assert len(row(html, arm)) > 5


def test_aims_are_told_reached_or_not(html):
    verdicts = re.findall(r"[✓✗] (?:not )?reached", html)
    assert verdicts
    # The value curve learns 1.5 times as fast as uniform: 1.1 times on the pool is reached.
    assert "✓ reached" in " ".join(row(html, "choice of frames alone: 1.1 times fewer", "pool"))


def test_sets_that_were_not_run_say_so(html):
    assert "not run" in " ".join(row(html, "choice of frames alone: 1.3 times fewer", "long"))


def test_the_page_needs_nothing_from_elsewhere(html):
    assert not re.search(r'<(?:script|link|img)\b[^>]*(?:src|href)="https?://', html)
    assert "Plotly" in html


def test_the_page_is_written_whole(tmp_path):
    page = write_comparison(ArmComparison(tuple(curves.single(seeds=1)), draws=50), tmp_path / "deep" / "page.html")
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [p.name for p in page.parent.iterdir()] == ["page.html"]
