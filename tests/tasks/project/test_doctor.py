import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from al_core.project import Project
from tasks.project.doctor import Finding, _environment, _messages, finding_line, run_probes

ROOT = Path(__file__).resolve().parents[3]


def doctor(project, poison=None, **environment):
    """`fewframes doctor` in a process of its own; modules in the folder `poison` hide others."""
    search = os.pathsep.join(str(p) for p in (poison, ROOT) if p)
    return subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "doctor", "--project", str(project)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": search, "COLUMNS": "400"} | environment,
        check=False,
    )


def line(output, name):
    """The line of a finding and the mend below it, if any."""
    lines = output.splitlines()
    at = next(i for i, text in enumerate(lines) if text.split("  ")[1:] and name in text)
    below = lines[at + 1] if at + 1 < len(lines) and "->" in lines[at + 1] else ""
    return lines[at] + below


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """What doctor says of this installation and a project that does not exist yet."""
    root = tmp_path_factory.mktemp("healthy") / "project"
    return root, doctor(root)


def test_a_sound_installation_is_exit_code_0(healthy):
    _, done = healthy
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mend" not in done.stdout


def test_it_says_versions_operators_device_codecs_and_places(healthy):
    root, done = healthy
    assert "2.13.0" in line(done.stdout, "torch")
    assert "work on cpu" in line(done.stdout, "mmcv operators")
    assert "mp4 is written" in line(done.stdout, "video codecs")
    assert "GB" in line(done.stdout, "free disk space")
    assert str(root / "prefect") in line(done.stdout, "Prefect's state")
    assert f"none in {root} yet" in line(done.stdout, "ledger")
    assert not root.exists()


def test_libraries_may_print_without_disturbing_the_table(healthy):
    _, done = healthy
    assert "OneDL" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """What doctor says when plotly raises and torch brings the process down."""
    poison = tmp_path_factory.mktemp("poison")
    (poison / "plotly.py").write_text("raise ImportError('half of it is gone')\n")
    (poison / "torch.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    return doctor(poison / "project", poison)


def test_a_package_that_cannot_be_imported_is_named_with_its_mend(broken):
    assert broken.returncode == 1
    said = line(broken.stdout, "plotly")
    assert "ImportError: half of it is gone" in said
    assert "make -B setup" in said
    assert "pip install --force-reinstall --no-deps plotly==" in said


def test_a_package_that_crashes_does_not_crash_the_doctor(broken):
    assert "ended with status -11" in line(broken.stdout, "torch ")
    assert "make -B setup" in line(broken.stdout, "torch ")
    assert "make setup" in line(broken.stdout, "mmcv operators")
    assert "-> " not in line(broken.stdout, "duckdb")
    assert "mp4 is written" in line(broken.stdout, "video codecs")


def test_a_missing_package_is_told_from_a_broken_one():
    from tasks.project.doctor import _package

    assert _package("no-such-package", ">=1", (False, "")) == Finding(
        "no-such-package", False, "not installed", "run: make -B setup"
    )


def test_a_version_outside_the_wanted_range_is_a_finding():
    from tasks.project.doctor import _package

    finding = _package("pytest", "<1", (True, ""))
    assert not finding.ok
    assert "expected <1" in finding.detail
    assert '"pytest<1"' in finding.mend


def test_probes_are_answered_in_order_whatever_becomes_of_them(tmp_path, monkeypatch):
    (tmp_path / "leaves.py").write_text("import os\nos._exit(7)\n")
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    modules = ["json", "leaves", "no_such_module", "hangs", "csv"]
    answers = list(run_probes([("imports", module) for module in modules], patience=4))
    assert [ok for ok, _ in answers] == [True, False, False, False, True]
    assert answers[1][1].endswith("ended with status 7")
    assert "No module named 'no_such_module'" in answers[2][1]
    assert answers[3][1] == "did not answer within 4 s"


def test_answers_come_as_soon_as_they_are_there(tmp_path, monkeypatch):
    (tmp_path / "waits.py").write_text(
        "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.01)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    answers = run_probes([("imports", "json"), ("imports", "waits")], patience=60)
    assert next(answers)[0]
    (tmp_path / "go").touch()
    assert [ok for ok, _ in answers] == [True]


def test_the_mend_stands_below_the_finding():
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    for finding in (Finding("a", True, "1.0"), Finding("b", False, "gone", "put it back " * 9)):
        console.print(finding_line(finding))
    lines = console.export_text().splitlines()
    assert lines[0].split() == ["ok", "a", "1.0"]
    assert lines[1].split() == ["mend", "b", "gone"]
    assert lines[2].split()[:2] == ["->", "put"]
    assert len({line.index(word) for line, word in zip(lines, ("1.0", "gone", "->"), strict=False)}) == 1
    assert max(map(len, lines)) <= 80


def test_too_little_disk_space_is_a_finding(tmp_path):
    from al_core.project import Project
    from tasks.project.doctor import _state

    finding = {f.name: f for f in _state(Project.at(tmp_path), free_gigabytes=1e9)}["free disk space"]
    assert not finding.ok
    assert "choose a --project on another disk" in finding.mend


def test_a_project_folder_need_not_be_there(tmp_path):
    from al_core.project import Project
    from tasks.project.doctor import _state

    finding = {f.name: f for f in _state(Project.at(tmp_path / "a" / "b"), 0.0)}["project"]
    assert finding.ok
    assert "made when it is needed" in finding.detail


def test_proxies_and_certificates_that_cannot_be_used_are_found(monkeypatch):
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    monkeypatch.setattr(os, "environ", clean | {"ALL_PROXY": "socks5://h:1", "SSL_CERT_FILE": "/not/there.pem"})
    found = {finding.name: finding for finding in _environment()}
    assert not found["ALL_PROXY"].ok
    assert "socks5 proxy" in found["ALL_PROXY"].detail
    assert "/not/there.pem, which cannot be read" in found["SSL_CERT_FILE"].detail
    assert "NO_PROXY" in found["proxy"].detail


def test_a_message_that_nobody_got_is_found(tmp_path):
    assert _messages(Project.at(tmp_path)) == []
    note = {"event": "failed", "problem": "it answered 404", "at": "2026-01-02T03:04:05"}
    (tmp_path / "undelivered.json").write_text(json.dumps(note))
    (found,) = _messages(Project.at(tmp_path))
    assert "it answered 404" in found.detail
    assert found.mend
