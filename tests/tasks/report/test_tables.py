import io
import json
import re
from dataclasses import replace

import duckdb
import pytest
from rich.console import Console

from al_core.audit.audit_records import Grade, QualityEstimate
from al_core.benchmark.arms import ArmComparison
from al_core.benchmark.curve_points import SimulatedRound
from al_core.ledger.labelling.people import Role
from al_core.settings import Settings
from tasks.auditing.round_estimates import RoundEstimates
from tasks.report.round_rows import round_rows
from tasks.report.tables import print_status, round_line, round_table, simulation_summary, simulation_table
from tasks.steps.context import Trained
from tests.toys import curves
from tests.toys.labelled_project import finished_project, new_project, select


def shown(thing, width=140):
    console = Console(file=io.StringIO(), width=width)
    console.print(thing)
    return console.file.getvalue()


def cells(text, start):
    line = next(line for line in text.splitlines() if line.strip().startswith(start))
    return re.split(r"\s{2,}", line.strip())


def test_the_table_of_rounds(finished):
    text = shown(round_table(round_rows(finished[1])))
    assert cells(text, "1 ") == ["1", "1", "80 s", "83 %", "0.600", "0.650", "72 s", "finished"]
    assert cells(text, "2 ")[1:6] == ["2", "2.7 min", "83 %", "0.700", "0.750"]
    assert cells(text, "2 ")[-1] == "2 of 2 rounds are done"


def test_the_table_of_rounds_fits_a_terminal_of_80_columns(finished):
    text = shown(round_table(round_rows(finished[1])), width=80)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert "finished" in text


def test_no_word_of_a_rounds_state_is_cut_off_beside_all_figures(finished):
    good = QualityEstimate("good", 0.88, 0.48, 0.99, Grade.JUDGED, 8, 8.0, 120)
    audited = RoundEstimates(2, 0.75, 8, 8, (good,))
    row = replace(
        round_rows(finished[1])[-1], estimated=audited, human_seconds=2328.0, state="twenty letters: here they are"
    )
    text = shown(round_table([row]), width=80)
    assert text.split()[-7:] == ["72", "s", "twenty", "letters:", "here", "they", "are"]


def test_a_round_in_one_line(finished):
    project = finished[0]
    assert round_line(project, 2).plain == (
        "round 2  2 human frames (2.7 min), masks on 83 % of frames, J&F 0.700, machine 72 s"
    )
    with pytest.raises(KeyError):
        round_line(project, 3)


def test_the_status_says_when_it_is_too_early_to_know_what_choosing_gains(finished):
    assert "Selection: too early to say what choosing gains: 0 of 5 random labels are known." in status_of(finished[0])


def test_without_truth_no_quality_is_named(tmp_path):
    project, _, _ = finished_project(tmp_path, quality=None)
    assert "J&F" not in round_line(project, 2).plain


def status_of(project, width=140):
    console = Console(file=io.StringIO(), width=width)
    print_status(project, console)
    return console.file.getvalue()


def test_the_status_of_a_project(tmp_path):
    project, ledger, _ = new_project(tmp_path)
    at = project.option
    before = " ".join(status_of(project).split())
    assert before.startswith("project <1>: 1 video, 6 frames No rounds yet. Next: begin the first round: ")
    assert "Settings: answers by page, 2 frames a round" in before
    assert "Round 1 of about 2 asks for 2 frames: people need about 2.7 min, then the machine about" in before
    assert "Left of the budget: 4 of 4 frames (0 of 6 frames are labelled by people)" in before
    assert f"Next: begin the first round: fewframes run {at}." in before
    ledger.begin_round(Settings())
    select(ledger, 1)
    assert cells(status_of(project), "1 ") == ["1", "0", "0.0 s", "–", "0.8 s", "waits for 1 label"]
    assert f"Next: give somebody who labels a link: fewframes annotator add NAME {at}" in " ".join(
        status_of(project).split()
    )
    ledger.add_annotator("ada", Role.VIEWER)
    assert "annotator add" in status_of(project), "a viewer labels nothing"
    ledger.add_annotator("bob")
    assert f"Next: let people label: fewframes serve {at}" in " ".join(status_of(project).split())


def test_the_status_fits_a_terminal_of_80_columns_and_names_who_took_the_time(finished):
    text = status_of(finished[0], width=80)
    assert max(len(line) for line in text.splitlines() if "fewframes " not in line) <= 80
    assert "…" not in text
    assert "Human time: " in text
    assert "Next: the campaign is over (2 of 2 rounds are done): " in " ".join(text.split())


def test_the_status_says_what_the_refiner_of_the_page_is_worth(tmp_path):
    project, ledger, _ = new_project(tmp_path)
    assert "masks without learning" not in status_of(project)
    ledger.begin_round(Settings())
    ledger.begin_step(1, Trained.step, "a")
    refiner = {"note": "the loss is nan"}
    ledger.finish_step(1, Trained.step, Trained(refiner=refiner).to_json(), 1.0)
    assert "The page makes masks without learning: the loss is nan." in status_of(project)


def test_status_and_the_line_of_a_round_say_how_many_unlabelled_frames_taught(tmp_path):
    project, ledger, _ = new_project(tmp_path)
    ledger.begin_round(Settings())
    ledger.begin_step(1, Trained.step, "a")
    ledger.finish_step(1, Trained.step, Trained(labels=12, unlabelled=640).to_json(), 1.0)
    assert "The student of round 1 was trained on 12 labelled and 640 unlabelled frames." in status_of(project)
    assert "trained on 12 labelled and 640 unlabelled frames" in round_line(project, 1).plain


def test_the_status_tells_of_a_message_that_nobody_got(tmp_path):
    project, *_ = new_project(tmp_path)
    note = {"event": "failed", "problem": "it answered 404", "at": "2026-01-02T03:04:05"}
    (project.root / "undelivered.json").write_text(json.dumps(note))
    told = "Nobody was told: the message about failed at 2026-01-02 03:04 UTC was not delivered: it answered 404"
    assert told in status_of(project).splitlines()


def record(strategy, round_id, jf, sequence="dog", ap50=0.5, seconds=80.0):
    return SimulatedRound(sequence, strategy, 0, round_id, 2 * round_id, seconds * round_id, jf=jf, ap50=ap50)


def test_the_status_names_settings_of_another_version(tmp_path):
    project, ledger, _ = new_project(tmp_path)
    ledger.begin_round(Settings())
    with duckdb.connect(str(ledger.path)) as connection:
        connection.execute("""UPDATE round SET settings = '{"student": {"dropped": 1}}'""")
    assert "cannot use, and goes by its own defaults: student.dropped." in status_of(project)


def test_a_simulation_is_one_line_per_strategy():
    records = [
        record("random", 1, 0.4),
        record("random", 2, 0.5),
        record("uniform", 1, 0.6),
        record("uniform", 2, 0.7),
        record("random", 1, 0.6, "swan"),
        record("random", 2, 0.7, "swan", ap50=0.7),
        record("uniform", 1, None, "swan"),
        record("uniform", 2, 0.9, "swan", seconds=160.0),
    ]
    text = shown(simulation_table(records))
    assert cells(text, "random") == ["random", "0.500", "0.600", "0.600", "160"]
    assert cells(text, "uniform") == ["uniform", "0.600", "0.800", "0.500", "240"]
    assert "round 1" in text
    assert "4 frames" in text
    assert "means over 2 sequences and 1 seed" in text


def test_a_simulation_of_many_rounds_fits_80_columns_and_keeps_the_last():
    records = [record("farthest_with_error", n, n / 20) for n in range(1, 13)]
    text = shown(simulation_table(records), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert cells(text, "farthest_with_error")[1:5] == ["0.150", "0.300", "0.450", "0.600"]


def test_a_simulation_without_records_is_an_empty_table():
    assert "strategy" in shown(simulation_table([]))


def test_different_budgets_are_told_as_a_span():
    records = [record("random", 1, 0.4), replace(record("random", 1, 0.4, "swan"), human_frames=5)]
    assert "2–5 frames" in shown(simulation_table(records))


def test_the_summary_of_a_simulation_tells_what_the_baselines_need():
    text = shown(simulation_summary(ArmComparison(tuple(curves.pool(frames=range(5, 300, 5))))))
    value = cells(text, "pool  value  ")
    assert value[:2] == ["pool", "value"]
    assert value[-2].startswith("1.50x")
    assert cells(text, "pool  uniform")[-2] == "–"
