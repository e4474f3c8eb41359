import os
import signal
import subprocess
import sys
import textwrap
import urllib.request

import psutil
import pytest

from tasks.scheduling.prefect_server import known_server
from tests.toys.web.webhook import webhook

OWNER = """
    import sys, time
    from pathlib import Path
    from tasks.scheduling.prefect_server import prefect_server
    with prefect_server(Path(sys.argv[1])) as url:
        print(url, flush=True)
        {body}
"""


def start(tmp_path, body, **variables):
    """A process that owns a server; its first line is the server's URL."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")} | variables
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


def test_state_stays_in_the_project_and_a_flow_runs_whatever_the_environment_says_about_proxies(tmp_path):
    body = "from prefect import flow; print(flow(lambda: 41 + 1, name='answer')(), flush=True)"
    with webhook() as proxy:
        environment = {
            "HTTP_PROXY": proxy.url,
            "http_proxy": proxy.url,
            "ALL_PROXY": "socks5://127.0.0.1:9",
            "NO_PROXY": "[::1],.example.org",
            "SSL_CERT_FILE": str(tmp_path / "not_there.pem"),
        }
        owner = start(tmp_path, body, **environment)
        output, _ = owner.communicate(timeout=120)
        assert output.splitlines()[-1] == "42"
        assert proxy.asked == []
    assert (tmp_path / "prefect" / "prefect.db").is_file()


KEEPER = """
    import os, sys, time
    from pathlib import Path
    from tasks.scheduling.prefect_server import known_server, lasting_server, prefect_server
    home = Path(sys.argv[1])
    with lasting_server(home) as url:
        print(url, flush=True)
        sys.stdin.readline()
        del os.environ["PREFECT_API_URL"]
        print(known_server(home, patience=60), flush=True)
        with prefect_server(home) as used:
            print(used, flush=True)
        os.environ["PREFECT_API_URL"] = url
        print(known_server(home / "elsewhere"), flush=True)
        del os.environ["PREFECT_API_URL"]
"""


def test_a_lasting_server_is_used_by_others_and_comes_back_at_its_address(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    command = [sys.executable, "-c", textwrap.dedent(KEEPER), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    keeper = subprocess.Popen(command, **pipes, text=True, env=environment)
    url = keeper.stdout.readline().strip()
    (server,) = psutil.Process(keeper.pid).children()
    server.kill()
    printed, _ = keeper.communicate("go on\n", timeout=120)
    assert printed.splitlines() == [url] * 3
    assert not server.is_running()
    assert known_server(tmp_path) is None


def test_a_server_that_does_not_answer_is_told_and_not_used(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert known_server(tmp_path) is None
    assert "the Prefect server at http://127.0.0.1:9/api does not answer" in caplog.text


def test_without_any_server_there_is_nothing_to_know(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert known_server(tmp_path) is None
    (tmp_path / "server.json").write_text("{")
    assert known_server(tmp_path) is None
