"""What a campaign tells of itself while it runs: to the terminal, to the project's log and to Prefect's pages."""

from datetime import UTC, datetime

import httpx
import pytest

from tests.flows.campaigns import begin
from tests.toys.projects import fewframes

CHATTER = ("FileClient", "HardDiskBackend", "init_weights", "metainfo", "Deprecat", "Error logging", "WARNING")
"""Words of libraries that nobody at a terminal asked for."""


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_a_campaign_logs_to_its_file_and_to_prefects_pages_and_the_terminal_stays_clean(prefect_url, trials, tmp_path):
    project, arguments = begin(tmp_path, trials, "told")
    limits = ("--set", "annotator.backend=simulated", "--rounds", 1)
    began = datetime.now(UTC).isoformat()
    done = fewframes(*arguments, *limits)
    newer = {"flow_runs": {"start_time": {"after_": began}}}
    runs = {run["id"]: run for run in httpx.post(f"{prefect_url}/flow_runs/filter", json=newer).json()}
    ours = {"logs": {"flow_run_id": {"any_": list(runs)}}, "sort": "TIMESTAMP_ASC"}
    logs = httpx.post(f"{prefect_url}/logs/filter", json=ours).json()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not [words for words in CHATTER if words in done.stdout]

    lines = {name: [log["message"] for log in logs if runs[log["flow_run_id"]]["name"] == name]
             for name in ("campaign in told", "round in told")}  # fmt: skip
    (ended,) = [line for line in lines["campaign in told"] if line.startswith("round 1 is finished")]
    assert "; the campaign is over: " in ended
    (trained,) = [line for line in lines["round in told"] if line.startswith("Iter(train)")]
    assert "[6/6]" in trained
    assert "loss:" in trained
    steps = [line.split()[2] for line in lines["round in told"] if line.endswith("begins")]
    assert steps == ["select", "request", "collect", "train", "predict", "propagate", "audit"]

    log = (project.root / "run.log").read_text()
    assert trained in log
    assert "round 1: audit is done after" in log
