"""The commands on certificates, on a project that people audit."""

import json

from click.testing import CliRunner

from flows.cli.main import main
from tests.toys.audits.audited_project import answer_all, audited_project


def run(project, *arguments):
    return CliRunner().invoke(main, [*map(str, arguments), "--project", str(project.root)])


def test_drawing_certifying_listing_and_verifying(tmp_path):
    project, ledger, _ = audited_project(tmp_path / "work")
    file = tmp_path / "certificate.json"
    assert "for 200 masks to judge" in run(project, "certificate", "draw", "--judged", 200).output
    assert "it takes" in run(project, "certify", "--dry-run").output
    assert "have no answer yet" in run(project, "certify").output
    answer_all(ledger, ledger.audit_samples(1)[0])
    found = run(project, "certify", "--iou", 0.75, "--error", 0.05, "--confidence", 0.95, "--out", file)
    assert (found.exit_code, "masks with confidence" in found.output) == (0, True)
    assert "97.5 % confidence" in found.output
    asked = run(project, "certify", "--error", 0.1, "--ask", 1).output
    assert "round 1, draw 2: people are asked for" in asked
    assert json.loads(file.read_text())["certificate_id"] in run(project, "certificate", "list").output
    found = run(project, "certificate", "verify", file)
    assert (found.exit_code, "FAILS" in found.output) == (0, False)
    file.write_text(file.read_text().replace('"error": 0.05', '"error": 0.01'))
    found = run(project, "certificate", "verify", file)
    assert (found.exit_code, "was changed after it was made" in found.output) == (1, True)
    file.write_text("no")
    assert "is no JSON" in run(project, "certificate", "verify", file).output
