"""Every number of the dashboard, recomputed in SQL from the ledger's tables and set beside what the pages say."""

import json
import re

import duckdb
import httpx
import pytest

from al_core.ledger.labelling.people import Role
from tasks.project.snapshot import ask
from tasks.report.formatting import duration
from tests.toys.labelled_project import N_FRAMES, finished_project
from tests.toys.web.desk import CHANGING
from tests.toys.web.serving import served


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Two finished rounds of one video."""
    return finished_project(tmp_path_factory.mktemp("figures"))[0]


@pytest.fixture(scope="module")
def files(project):
    """The delivered masks of each round."""
    return {round_id: project.round_dir(round_id) / "delivered" / "1.parquet" for round_id in (1, 2)}


@pytest.fixture(scope="module")
def ledger(project):
    """(what SQL gives, what a page says); a person answered for the second round."""
    with served(project) as (context, owner), httpx.Client(base_url=owner.url, follow_redirects=True) as client:
        client.post("/enter", json={"token": link_of_lea(context)}, headers=CHANGING).raise_for_status()
        yield (
            lambda query: list(ask(context.project, context.ledger, query).rows),
            lambda page: client.get(f"/dashboard/{page}").raise_for_status().text.replace("\N{NO-BREAK SPACE}", " "),
        )


def link_of_lea(context):
    """Lea gets access, and gave the answer of round 2."""
    with context.ledger._connector.transaction() as connection:
        connection.execute("UPDATE answer SET annotator = 'lea' WHERE round_id = 2")
    return context.ledger.add_annotator("lea", Role.LEAD)


def tiles(html):
    found = re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>(?:<dd>([^<]*)</dd>)?", html)
    return {name.replace("&amp;", "&"): (value, more) for name, value, more in found}


def tables(html):
    """Rows by column name, table by table."""
    found = []
    for body in re.findall(r"<table>(.*?)</table>", html, re.DOTALL):
        rows = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]
        head, *rows = [[re.sub(r"<[^>]+>", "", cell).replace("&amp;", "&") for cell in row] for row in rows]
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


def chart(html, number):
    """Trace -> (x, y) of a chart."""
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', html, re.DOTALL)[1])
    return {t.get("name"): (t["x"], pytest.approx(t["y"], rel=1e-3)) for t in figures[number]["data"]}


def test_tiles_of_frames_and_people(ledger):
    sql, page = ledger
    found = tiles(page("overview"))
    ((videos, frames),) = sql("SELECT count(*), sum(n_frames)::BIGINT FROM video")
    ((human, seconds),) = sql("SELECT count(DISTINCT (video_id, frame_idx)), sum(seconds) FROM answer")
    ((covered,),) = sql("SELECT sum(n_covered)::BIGINT FROM delivered_batch WHERE round_id = 2")
    assert found["Videos"] == (str(videos), f"{frames} frames")
    assert found["Labelled by people"] == (f"{human} frames", f"{100 * human / frames:.0f} % of all")
    assert found["Human time"] == (duration(seconds), f"{duration(seconds / human)} a frame")
    assert found["Has masks"] == (f"{100 * covered / frames:.0f} %", f"{covered} of {frames} frames, right or wrong")


def test_tiles_of_quality_and_machine_time(ledger):
    sql, page = ledger
    found = tiles(page("overview"))
    for name, metric in (("J&F", "jf"), ("AP50", "ap50")):
        query = "SELECT avg(value) FROM quality WHERE round_id = 2 AND provenance = 'all' AND track_id IS NULL AND "
        ((value,),) = sql(f"{query} metric = '{metric}'")
        assert found[name] == (f"{value:.3f}", "mean of 1 video, round 2")
    by_step = dict(sql("SELECT name, sum(seconds) FROM step GROUP BY 1"))
    other = sum(seconds for name, seconds in by_step.items() if name not in ("train", "predict"))
    told = f"train {duration(by_step['train'])}, predict {duration(by_step['predict'])}, other {duration(other)}"
    assert found["Machine time"] == (duration(sum(by_step.values())), told)


def test_times_of_the_rounds_table(ledger):
    sql, page = ledger
    query = (
        "SELECT sum(seconds) FILTER (name = 'train'), sum(seconds) FILTER (name = 'predict'), "
        "sum(seconds) FILTER (name NOT IN ('train', 'predict')) FROM step GROUP BY round_id ORDER BY round_id"
    )
    expected = [tuple(map(duration, row)) for row in sql(query)]
    (rounds,) = tables(page("overview"))
    assert [(row["train"], row["predict"], row["other"]) for row in rounds] == expected


def test_bars_of_frames_each_counted_once_under_its_least_founded_mask(ledger, files):
    _, page = ledger
    shares = chart(page("overview"), 0)
    for place, round_id in enumerate((1, 2)):
        least = dict(
            duckdb.sql(
                "SELECT worst, count(*) FROM (SELECT frame_idx, arg_max(provenance, "
                "list_position(['human', 'accepted', 'propagated', 'teacher'], provenance)) AS worst "
                f"FROM '{files[round_id]}' GROUP BY 1) GROUP BY 1"
            ).fetchall()
        )
        least["no mask"] = N_FRAMES - sum(least.values())
        assert {name: y.expected[place] for name, (_, y) in shares.items()} == {
            name: pytest.approx(n / N_FRAMES, rel=1e-4) for name, n in least.items()
        }


def test_bars_of_masks(ledger, files):
    _, page = ledger
    shares = chart(page("overview"), 1)
    for place, round_id in enumerate((1, 2)):
        counts = dict(duckdb.sql(f"SELECT provenance, count(*) FROM '{files[round_id]}' GROUP BY 1").fetchall())
        assert {name: y.expected[place] for name, (_, y) in shares.items()} == {
            name: pytest.approx(n / sum(counts.values()), rel=1e-4) for name, n in counts.items()
        }


def test_frames_over_time_begin_when_the_round_had_them(ledger):
    sql, page = ledger
    query = "SELECT strftime(finished_at, '%Y-%m-%d %H:%M:%S') FROM step WHERE name = 'propagate' ORDER BY round_id"
    over_time, by_round = chart(page("overview"), 2), chart(page("overview"), 0)
    for name, (times, shares) in over_time.items():
        assert times[:2] == [time for (time,) in sql(query)]
        assert shares.expected[:2] == by_round[name][1].expected


@pytest.mark.parametrize(("number", "metric", "effort"), [
    (0, "jf", "count(*)"), (1, "jf", "sum(seconds) / 60"), (2, "ap50", "count(*)"), (3, "ap50", "sum(seconds) / 60"),
])  # fmt: skip
def test_learning_curves(ledger, number, metric, effort):
    sql, page = ledger
    curves = chart(page("quality"), number)
    efforts = [sql(f"SELECT {effort} FROM answer WHERE round_id <= {r}")[0][0] for r in (1, 2)]
    query = (
        f"SELECT provenance, list(value ORDER BY round_id) FROM quality WHERE metric = '{metric}' AND track_id IS NULL "
        "GROUP BY 1"
    )
    expected = {f"{name} masks": (pytest.approx(efforts, rel=1e-4), values) for name, values in sql(query)}
    assert curves == expected


def test_the_table_of_videos(ledger):
    sql, page = ledger
    (row,) = tables(page("quality"))[0]
    query = "SELECT metric, provenance, value, n_frames FROM quality WHERE round_id = 2 AND track_id IS NULL"
    names = {"j": "J", "f": "F", "jf": "J&F", "ap50": "AP50"}
    for metric, provenance, value, n_frames in sql(query):
        column = names[metric] + ("" if provenance == "all" else f", {provenance}")
        assert row[column] == f"{value:.3f}"
        if provenance == "all":
            assert row["frames measured"] == str(n_frames)


def test_the_time_line_of_a_video(ledger):
    sql, page = ledger
    lines = chart(page("videos/1"), 0)
    frames, scores, human = [], [], []
    for frame_idx, uncertainty in sql("SELECT frame_idx, uncertainty FROM prediction WHERE round_id = 2 ORDER BY 1"):
        frames.append(frame_idx)
        scores.append(uncertainty)
    human = [frame_idx for (frame_idx,) in sql("SELECT DISTINCT frame_idx FROM answer ORDER BY 1")]
    assert lines["uncertainty"] == (frames, scores)
    assert lines["human label"][0] == human
    for round_id, name in ((1, "chosen before"), (2, "chosen in round 2")):
        chosen = sql(f"SELECT frame_idx FROM selection WHERE round_id = {round_id} ORDER BY rank")
        assert lines[name][0] == [frame_idx for (frame_idx,) in chosen]


def test_the_parts_of_the_uncertainty_carry_their_weights(ledger):
    sql, page = ledger
    lines = chart(page("videos/1"), 0)
    ((weights,),) = sql("SELECT settings->'uncertainty' FROM round WHERE round_id = 2")
    weights = {name: weight for name, weight in json.loads(weights).items() if name.replace("_", " ") in lines}
    for name, weight in weights.items():
        values = sql(f"SELECT {name} FROM prediction WHERE round_id = 2 ORDER BY frame_idx")
        assert lines[name.replace("_", " ")][1] == [value * weight / sum(weights.values()) for (value,) in values]
    assert len(weights) == 6


def test_training_curves_and_times_of_steps(ledger):
    sql, page = ledger
    html = page("runs")
    losses = "SELECT 'round ' || round_id, list(iteration ORDER BY iteration), list(loss ORDER BY iteration)"
    assert chart(html, 0) == {name: (x, y) for name, x, y in sql(f"{losses} FROM training_curve GROUP BY 1")}
    seconds = dict(sql("SELECT name, list(seconds ORDER BY round_id) FROM step GROUP BY 1"))
    assert {name: y for name, (_, y) in chart(html, 1).items()} == seconds


def test_every_step_is_listed_with_its_time(ledger):
    sql, page = ledger
    query = (
        "SELECT name, status, attempts::VARCHAR, seconds, strftime(started_at, '%Y-%m-%d %H:%M:%S'), "
        "left(inputs_sha256, 12) FROM step ORDER BY round_id DESC, started_at"
    )
    columns = ("step", "state", "attempts", "time", "started (UTC)", "inputs")
    shown = [tuple(row[name] for name in columns) for rows in tables(page("runs")) for row in rows]
    assert shown == [(*row[:3], duration(row[3]), *row[4:]) for row in sql(query)]


def test_what_a_person_did(ledger):
    sql, page = ledger
    (row,) = tables(page("people"))[0]
    query = "SELECT count(*), sum(seconds), median(seconds) FILTER (kind = 'mask') FROM answer WHERE annotator = 'lea'"
    ((frames, seconds, drawn),) = sql(query)
    assert (row["name"], row["frames"]) == ("lea", str(frames))
    assert (row["time"], row["drawn s"]) == (duration(seconds), f"{drawn:.1f}")
