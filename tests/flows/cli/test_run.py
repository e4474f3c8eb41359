"""The commands that take rounds on: what they hand to the flows, and what they say of how it ended."""

import subprocess
import sys
from contextlib import contextmanager, nullcontext
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from al_core.ledger.campaign.steering import Pause
from al_core.ledger.file.connection import Connector
from al_core.ledger.file.owner import Owner
from al_core.ledger.file.signature import Signature
from al_core.ledger.store import Ledger
from al_core.records import LabelRequest
from al_core.settings import Settings, load_settings
from flows.cli.main import main
from tasks.processes import run_lock
from tasks.processes.round_outcome import RoundOutcome
from tasks.scheduling import prefect_server
from tests.toys.ledgers import chosen, ledger_with_clip


def outcome(waiting=0, stop_reason=None, rejected=(), paused=None):
    """How a round ended."""
    return RoundOutcome(1, waiting, rejected, stop_reason, paused)


@pytest.fixture
def root(tmp_path):
    """A project with one clip, whose first round asks at the inbox."""
    ledger = ledger_with_clip(tmp_path)
    ledger.begin_round(Settings().changed({"annotator.backend": "inbox"}))
    return tmp_path


def asked(ledger):
    """The round has asked for two frames."""
    for step in ("select", "request"):
        ledger.begin_step(1, step, "0" * 64)
        ledger.finish_step(1, step, {}, 1.0)
    ledger.put_requests([LabelRequest.of(1, chosen(frame, rank)) for rank, frame in enumerate((3, 8))])


HEAVY = {"prefect", "torch", "mmdet", "mmengine"}


def alone(command, root):
    """What a command says in a process of its own, in one line, and the modules that it loads."""
    code = f"""
import sys
from flows.cli.main import main
main([{command!r}, "--project", {str(root)!r}], standalone_mode=False)
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *said, loaded = done.stdout.splitlines()
    return " ".join(" ".join(said).split()), {*loaded.split()}


@pytest.fixture
def flows(monkeypatch):
    """The flows, which only note what they are given and end as they are told to; nobody's Prefect."""
    noted = SimpleNamespace(given=[], ends=outcome(), tried=[])

    def note(project, settings, *on_round):
        noted.given.append((project.root, settings))
        return noted.ends

    monkeypatch.setitem(sys.modules, "flows.campaign", SimpleNamespace(run_campaign=note))
    monkeypatch.setitem(sys.modules, "flows.round", SimpleNamespace(run_round=note))
    monkeypatch.setattr(
        "tasks.preflight.rehearse", lambda project, ledger, settings: noted.tried.append(ledger.wanted())
    )
    monkeypatch.setattr(prefect_server, "prefect_server", lambda folder: nullcontext())
    return noted


def run(command, root, *options):
    """Give the command; returns its exit code and output in one line."""
    result = CliRunner().invoke(main, [command, "--project", str(root), *map(str, options)])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("command", ["run", "round"])
def test_settings_come_from_the_preset_the_changes_and_else_the_last_round(root, flows, command):
    last = Ledger(root / "ledger.duckdb").last_round().settings
    assert run(command, root)[0] == 0
    assert run(command, root, "--settings", "quick", "--set", "seed=7")[0] == 0
    (where, kept), (_, asked) = flows.given
    assert (where, kept) == (root, last)
    assert asked == load_settings("quick").changed({"seed": 7})


def test_limits_of_a_run_are_settings_of_when_to_stop(root, flows):
    run("run", root, "--rounds", 3, "--budget", 9)
    stopping = flows.given[0][1].stopping
    assert (stopping.max_rounds, stopping.max_human_frames) == (3, 9)


@pytest.mark.parametrize("command", ["run", "round"])
@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (outcome(), "round 1 is finished."),
        (outcome(stop_reason="2 of 2 rounds"), "The campaign is over after round 1: 2 of 2 rounds"),
        (outcome(paused=Pause("eve", datetime(2026, 3, 4, 5, 6))), "paused since 2026-03-04 05:06 UTC by eve"),
        (outcome(waiting=2), "round 1 waits for 2 labels: the frames are in"),
        (outcome(waiting=1, rejected=("a.png: too small",)), "not taken: a.png: too small round 1 waits for 1"),
    ],
)
def test_how_a_round_ended_is_said(root, flows, command, ends, said):
    flows.ends = ends
    code, output = run(command, root)
    assert (code, said in output) == (0, True), output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"annotator.backend": "page"}, "it goes on by itself: fewframes serve --project"),
        (
            {"annotator.backend": "label_studio", "annotator.label_studio_url": "http://127.0.0.1:8080"},
            "people label at http://127.0.0.1:8080",
        ),
    ],
)
def test_where_people_label_depends_on_the_back_end_of_the_round(tmp_path, flows, monkeypatch, changes, said):
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", "a token")
    ledger_with_clip(tmp_path).begin_round(Settings().changed(changes))
    flows.ends = outcome(waiting=3)
    assert said in run("run", tmp_path)[1]


def test_where_people_label_is_told_of_a_project_that_is_served(tmp_path, flows, monkeypatch):
    ledger_with_clip(tmp_path).begin_round(Settings())
    flows.ends = outcome(waiting=3)
    owner = Owner(Signature.of(tmp_path), "http://127.0.0.1:8611", "", "")
    monkeypatch.setattr("tasks.ledger.client.living_owner", lambda _: owner)
    said = run("run", tmp_path)[1]
    assert "waits for 3 labels: people label at http://127.0.0.1:8611, and it goes on by itself." in said


@pytest.mark.parametrize("command", ["run", "round"])
def test_a_project_without_videos_is_refused_before_anything_begins(tmp_path, flows, command):
    Ledger(tmp_path / "ledger.duckdb").videos()
    code, output = run(command, tmp_path)
    assert (code, flows.given) == (1, [])
    assert "has no videos; take some in with: fewframes ingest PATH" in output


@pytest.mark.parametrize("command", ["run", "round"])
def test_of_two_runs_of_a_project_the_second_is_refused(root, flows, command):
    with run_lock.only_run(root):
        code, _ = run(command, root)
    assert (code != 0, flows.given) == (True, [])


def test_a_change_says_from_when_on_it_holds_and_is_kept(root, flows):
    ledger = Ledger(root / "ledger.duckdb")
    ledger.begin_step(1, "select", "a")
    ledger.finish_step(1, "select", {}, 1.0)
    changes = ("--set", "student.iterations=7", "--set", "selection.frames_per_round=5", "--set", "seed=4")
    code, output = run("run", root, *changes)
    assert code == 0
    assert "The change of student.iterations holds from now on, for the steps of round 1 that are not done." in output
    assert "The changes of 2 settings (seed, selection.frames_per_round) hold from round 2 on." in output
    assert f"fewframes round --abandon --project {root}" in output
    now = ledger.round(1).settings
    assert (now.student.iterations, now.seed) == (7, 0)
    assert (ledger.wanted().seed, ledger.wanted().selection.frames_per_round) == (4, 5)
    assert "hold from the next round on" in run("status", root)[1]
    assert run("run", root)[0] == 0
    assert flows.given[-1][1] == ledger.wanted()


def test_a_setting_that_is_refused_changes_nothing(root, flows):
    code, output = run("run", root, "--set", "selection.strategy=valeu")
    assert (code, "valeu" in output, flows.given) == (1, True, [])
    ledger = Ledger(root / "ledger.duckdb")
    assert (ledger.wanted(), ledger.round(1).settings.selection.strategy) == (None, "value")


def test_a_round_is_abandoned_after_a_question(root, flows):
    ledger = Ledger(root / "ledger.duckdb")
    assert "End round 1 for good?" in run("round", root, "--abandon")[1]
    assert ledger.round(1).status == "running"
    code, output = run("round", root, "--abandon", "--yes", "--set", "seed=4")
    assert (code, "Round 1 is abandoned. Its 0 answers are labels of the next round." in output) == (0, True), output
    assert "The change of seed holds from round 2 on." in output
    assert (ledger.round(1).status, flows.given) == ("abandoned", [])
    assert "abandoned" in run("status", root)[1]
    code, output = run("round", root, "--abandon", "--yes")
    assert (code, output) == (1, "Error: no round is under way, so there is none to abandon")


def test_a_pause_begins_and_ends(root, flows):
    ledger = Ledger(root / "ledger.duckdb")
    assert "is paused since" in run("pause", root)[1]
    assert ledger.paused() is not None
    assert "paused since" in run("status", root)[1]
    assert "is over. While it is served" in run("resume", root)[1]
    assert (ledger.paused(), "is not paused" in run("resume", root)[1]) == (None, True)


@pytest.mark.parametrize("command", ["run", "round"])
def test_a_student_is_tried_out_before_a_change_is_kept(root, flows, command):
    run(command, root)
    assert flows.tried == []
    run(command, root, "--set", "student.long_side=64")
    assert flows.tried == [None]
    assert Ledger(root / "ledger.duckdb").wanted().student.long_side == 64


@pytest.mark.parametrize("command", ["run", "round"])
def test_a_run_that_only_waits_says_so_without_prefect_or_the_student(root, command):
    asked(Ledger(root / "ledger.duckdb"))
    said, loaded = alone(command, root)
    assert "round 1 waits for 2 labels: the frames are in" in said
    assert not loaded & {*HEAVY, "scipy", "asyncio", "pyarrow"}
    assert not (root / "prefect").exists()


@pytest.mark.parametrize("backend", ["page", "inbox", "cvat"])
def test_a_run_that_only_waits_opens_the_ledger_once(root, flows, monkeypatch, backend):
    ledger = Ledger(root / "ledger.duckdb")
    asked(ledger)
    change = {"annotator.backend": backend}
    ledger.change_round(1, Settings().changed(change), "ann", [f"annotator.backend = {backend}"])
    opened, connect = [], Connector._connect
    monkeypatch.setattr(Connector, "_connect", lambda self, writing: opened.append(1) or connect(self, writing))
    assert "waits for 2 labels" in run("run", root)[1]
    assert len(opened) == 1


@pytest.mark.parametrize("command", ["run", "round"])
def test_a_prefect_server_lives_while_a_flow_runs(root, flows, monkeypatch, command):
    lived = []

    @contextmanager
    def server(home):
        lived.append(("begins", home, len(flows.given)))
        yield
        lived.append(("ends", home, len(flows.given)))

    monkeypatch.setattr(prefect_server, "prefect_server", server)
    assert run(command, root)[0] == 0
    assert lived == [("begins", root / "prefect", 0), ("ends", root / "prefect", 1)]


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["round"],
        ["run", "--set", "stopping.max_rounds=9"],
        ["status"],
        ["settings"],
        ["pause"],
        ["resume"],
        ["round", "--abandon", "--yes"],
        ["versions"],
        ["report"],
        ["backup", "b.tar"],
        ["annotator", "list"],
    ],
)
def test_no_prefect_server_starts_where_no_flow_runs(root, flows, monkeypatch, words):
    asked(Ledger(root / "ledger.duckdb"))

    def server(home):
        pytest.fail(f"{words} started a Prefect server in {home}")

    monkeypatch.setattr(prefect_server, "prefect_server", server)
    monkeypatch.chdir(root)
    result = CliRunner().invoke(main, [*words, "--project", str(root)])
    assert (result.exit_code, flows.given, (root / "prefect").exists()) == (0, [], False), result.output


def test_a_campaign_that_is_over_says_so_without_prefect_or_the_student(root):
    Ledger(root / "ledger.duckdb").finish_round(1, "all rounds are done: 1 of 1")
    said, loaded = alone("run", root)
    assert said.endswith("The campaign is over after round 1: all rounds are done: 1 of 1")
    assert not loaded & HEAVY
    assert not (root / "prefect").exists()


def test_a_run_that_waits_keeps_changes_and_takes_answers_in(root, flows):
    ledger = Ledger(root / "ledger.duckdb")
    asked(ledger)
    code, output = run("run", root, "--set", "student.iterations=7")
    assert (code, flows.given, ledger.round(1).settings.student.iterations) == (0, [], 7)
    assert "holds from now on" in output
    assert "waits for 2 labels" in output
    mask = np.zeros((4, 4), np.uint8)
    mask[1:3, 1:3] = 1
    (root / "inbox").mkdir(exist_ok=True)
    for frame in (3, 8):
        Image.fromarray(mask).save(root / "inbox" / f"r0001-v00001-f{frame:07d}.png")
    assert "round 1 is finished" in run("run", root)[1]
    assert (len(flows.given), len(ledger.human_labels())) == (1, 2)
