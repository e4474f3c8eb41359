"""The short form of the bench of the same name: a server that may open few files, and more clients than that."""

from contextlib import ExitStack

from al_core.project import Project
from tests.bench.load.slow_clients import crowd, limited_server, served_meanwhile
from tests.toys.ledgers import ledger_with_clip


def test_others_are_served_while_more_clients_than_files_send_half_a_request(tmp_path):
    ledger_with_clip(tmp_path)
    project = Project.at(tmp_path)
    with limited_server(project, 160) as url, ExitStack() as stack:
        assert served_meanwhile(project, url, 0.1).failed == 0
        crowd(stack, url, 200)
        seen = served_meanwhile(project, url, 1.0)
    assert seen.failed == 0
    assert len(seen.seconds) > 0
    assert seen.log_bytes[0] < 10_000
    log = (project.root / "serve.log").read_text()
    assert "connections are open, as many as the limit of open files allows" in log
    assert "out of system resource" not in log
    assert "GET /label" in (project.root / "requests.log").read_text()
