"""Commands that show how far a project is, and export its masks."""

import json

import pytest
from click.testing import CliRunner

from al_core.export import FORMATS
from flows.cli.main import main
from tests.toys.labelled_project import abandoned_round, copied, finished_project
from tests.toys.web.html_page import Page


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def project(built):
    return built[0]


def call(project, *arguments):
    command = [str(a) for a in (*arguments, "--project", project.root)]
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, command)


def coco(project, out, *arguments):
    done = call(project, "export", "--format", "coco", "--no-images", "--out", out, *arguments)
    assert done.exit_code == 0, done.output
    (file,) = [out] if out.is_file() else out.rglob("*.json")
    return json.loads(file.read_text())


def test_status_has_a_line_per_round(project):
    lines = [line.split() for line in call(project, "status").output.splitlines()]
    assert lines[0] == ["project", "<1>:", "1", "video,", "6", "frames"]
    assert "2 2 2.7 min 83 % 0.700 0.750 72 s 2 of 2 rounds are done" in [" ".join(line) for line in lines]


def test_the_report_lies_in_the_project_unless_a_place_is_named(project, tmp_path):
    done = call(project, "report")
    assert done.output.strip() == f"report: {project.root / 'report.html'}"
    assert "2 rounds · 2 of 2 rounds are done" in Page((project.root / "report.html").read_text()).text
    call(project, "report", "--out", tmp_path / "deep" / "page.html")
    assert (tmp_path / "deep" / "page.html").is_file()


def test_masks_of_some_provenances_are_exported(project, tmp_path):
    every = coco(project, tmp_path / "all.json")
    some = coco(project, tmp_path / "some.json", "--provenance", "human,propagated")
    assert (len(every["annotations"]), len(some["annotations"])) == (5, 4)


def test_masks_of_an_earlier_round_are_exported(project, tmp_path):
    found = coco(project, tmp_path / "first.json", "--round", "1", "--human-frames")
    assert len(found["annotations"]) == 1


def test_an_unknown_provenance_names_those_that_exist(project, tmp_path):
    done = call(project, "export", "--format", "coco", "--out", tmp_path / "x.json", "--provenance", "humans")
    assert done.exit_code != 0
    assert "unknown provenance 'humans'; known: accepted, human, propagated, teacher" in done.output


def test_an_older_export_stays_unless_it_may_be_replaced(project, tmp_path):
    coco(project, tmp_path / "x.json")
    arguments = ("export", "--format", "coco", "--no-images", "--out", tmp_path / "x.json")
    assert call(project, *arguments).exit_code != 0
    assert call(project, *arguments, "--overwrite").exit_code == 0


def test_an_export_says_what_it_wrote_and_what_to_do_with_it(project, tmp_path):
    done = call(project, "export", "--format", "coco", "--out", tmp_path / "x", "--empty", "--min-confidence", "0.6")
    assert done.exit_code == 0, done.output
    assert "5 frames" in done.output
    assert "1 frames are left out: all their masks are below the least confidence" in done.output
    assert done.output.splitlines()[-1].startswith("next: read it with pycocotools")


def test_every_format_can_be_named(project):
    text = call(project, "export", "--help").output
    assert all(name in text for name in FORMATS)


def test_settings_are_shown_for_people_and_for_programs(project):
    text = call(project, "settings").output
    assert "round 2 is finished" in text
    assert "frames_per_round" in text
    assert "min_gap" not in text
    assert "min_gap" in call(project, "settings", "selection").output
    assert "min_gap" in call(project, "settings", "--all").output
    found = json.loads(call(project, "settings", "selection.strategy", "--format", "json").output)
    assert list(found["settings"]) == ["selection.strategy"]
    assert "Did you mean 'teachers'" in call(project, "settings", "teacher").output


def test_an_export_of_an_abandoned_round_says_so(built, tmp_path):
    project, ledger, _ = copied(built, tmp_path)
    abandoned_round(project, ledger)
    first, second = (
        call(project, "export", "--format", "coco", "--no-images", "--out", tmp_path / number, "--round", number).output
        for number in ("2", "3")
    )
    assert "was abandoned" not in first
    assert "note: round 3 was abandoned: later rounds were made as if it had delivered nothing" in second


def test_scans_and_points_go_together(project, tmp_path):
    out = ("--out", tmp_path / "x")
    for arguments in (
        ("--format", "points", "--lidar", tmp_path),
        ("--format", "points"),
        ("--format", "coco", "--lidar", tmp_path, "--calibration", tmp_path),
    ):
        done = call(project, "export", *arguments, *out)
        assert done.exit_code == 2
        assert "--lidar and --calibration go together, and with --format points" in done.output
    done = call(project, "export", "--format", "points", "--lidar", tmp_path, "--calibration", tmp_path, *out)
    assert done.exit_code == 1
    assert "expected a folder with files .bin, .npy, .npz, got none" in done.output
    assert "'points' needs scans" in call(project, "predict", tmp_path, "--format", "points", *out).output
