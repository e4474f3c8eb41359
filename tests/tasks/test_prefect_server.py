import os
import signal
import subprocess
import sys
import textwrap
import urllib.request

import psutil
import pytest

OWNER = """
    import sys, time
    from pathlib import Path
    from tasks.prefect_server import prefect_server
    with prefect_server(Path(sys.argv[1])) as url:
        print(url, flush=True)
        {body}
"""


def start(tmp_path, body):
    """A process that owns a server; its first line is the server's URL."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    command = [sys.executable, "-c", textwrap.dedent(OWNER).replace("{body}", body), str(tmp_path / "prefect")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child together with its killed parent")
def test_a_killed_command_leaves_no_server_behind(tmp_path):
    owner = start(tmp_path, "time.sleep(600)")
    url = owner.stdout.readline().strip()
    assert urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
    (server,) = psutil.Process(owner.pid).children()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    gone, _ = psutil.wait_procs([server], timeout=10)
    assert gone


def test_state_stays_in_the_project_and_a_flow_runs(tmp_path):
    body = "from prefect import flow; print(flow(lambda: 41 + 1, name='answer')(), flush=True)"
    owner = start(tmp_path, body)
    output, _ = owner.communicate(timeout=120)
    assert output.splitlines()[-1] == "42"
    assert (tmp_path / "prefect" / "prefect.db").is_file()


def test_a_server_that_the_user_names_is_used(tmp_path, monkeypatch):
    from tasks.prefect_server import prefect_server

    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with prefect_server(tmp_path) as url:
        assert url == "http://127.0.0.1:4200/api"
    assert not (tmp_path / "server.log").exists()
