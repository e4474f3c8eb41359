import os
import subprocess
import sys

import pytest

from al_core.ledger.store import Ledger
from al_core.project import Project
from tests.toys.footage.clips import write_clip

SCRIPT = """
import sys
from pathlib import Path
from al_core.project import Project
from tasks.scheduling.prefect_server import prefect_server

project = Project.at(sys.argv[1])
with prefect_server(project.prefect_home):
    from flows.ingest import ingest

    report = ingest(project, [Path(p) for p in sys.argv[2:]])
print([entry.outcome.value for entry in report.entries])
"""


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_the_flow_stores_what_is_new_and_goes_on_after_a_failure(tmp_path):
    good = write_clip(tmp_path / "good.mp4")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"hello")
    project = Project.at(tmp_path / "project")
    command = [sys.executable, "-c", SCRIPT, str(project.root), str(bad), str(good)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    assert done.stdout.splitlines()[-1] == "['failed', 'stored']", done.stderr
    assert [video.name for video in Ledger(project.ledger_path).videos()] == ["good"]
