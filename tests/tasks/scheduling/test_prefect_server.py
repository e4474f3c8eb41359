import os
import signal
import subprocess
import sys
import textwrap
import urllib.request
from types import SimpleNamespace

import psutil
import pytest

from al_core.errors import MissingDependency
from tasks.scheduling import prefect_server as servers
from tasks.scheduling.prefect_server import known_server
from tests.toys.prefect.shared import migrated
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
    migrated(tmp_path / "prefect")
    owner = start(tmp_path, "time.sleep(600)")
    url = owner.stdout.readline().strip()
    assert urllib.request.urlopen(f"{url}/health", timeout=60).status == 200
    (server,) = psutil.Process(owner.pid).children()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    gone, _ = psutil.wait_procs([server], timeout=60)
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
    command = [sys.executable, "-c", textwrap.dedent(KEEPER), str(migrated(tmp_path))]
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


ANSWERS = """
import http.server, sys
class Always(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Always).serve_forever()
"""
ENDS = "print('no room'); raise SystemExit(3)"


def programs(monkeypatch, *words):
    """Servers that are these programs, one after the other."""
    left = list(words)
    monkeypatch.setattr(servers, "_server_command", lambda port: [sys.executable, "-c", left.pop(0), str(port)])
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return left


@pytest.mark.parametrize("first", [ENDS, "import time; time.sleep(100)"], ids=["ends", "is idle"])
def test_a_server_that_does_not_start_is_followed_by_another(tmp_path, monkeypatch, caplog, first):
    left = programs(monkeypatch, first, ANSWERS)
    monkeypatch.setattr(servers._Waiting, "is_over", lambda waiting: first != ENDS and left == [ANSWERS])
    with servers._started_at_last(tmp_path, 60) as (url, server):
        assert urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
        assert server.times == 1
    assert ("ended before it answered" in caplog.text) == (first == ENDS)


def test_where_none_starts_the_same_command_is_to_be_given_again(tmp_path, monkeypatch):
    left = programs(monkeypatch, ENDS, ENDS, ANSWERS)
    with (
        pytest.raises(MissingDependency, match=r"(?s)nothing is lost, so give the same command again.*no room"),
        servers._started_at_last(tmp_path, 60),
    ):
        pass
    assert left == [ANSWERS]


def test_waiting_longer_than_usual_is_told_and_so_is_its_end():
    now: list[float] = [0.0]
    waiting, told = servers._Waiting(SimpleNamespace(pid=1), 120.0, lambda: now[0]), []
    for now[0], over in ((14.0, False), (16.2, False), (80.0, True)):
        waiting.tell(lambda progress: told.append((progress.done, progress.note)), over)
    assert told == [(0, "up to 600 s on a busy machine"), (1, "")]


def test_a_server_that_computes_is_waited_for_and_not_for_ever(monkeypatch):
    """It computes a second in each of 40, then nothing; then again until nobody waits any more."""
    now, computed = [0.0], [0.0]
    monkeypatch.setattr(servers, "cpu_seconds", lambda pid: computed[0])
    waiting = servers._Waiting(SimpleNamespace(pid=1), 120.0, lambda: now[0])
    for _ in range(10):
        now[0] += 40
        computed[0] += 1
        assert not waiting.is_over()
    now[0] += 119
    assert not waiting.is_over()
    now[0] += 2
    assert waiting.is_over()
    assert waiting.told() == "did not start within 521 s, of which it was idle for the last 121"
    computed[0] += 1
    assert not waiting.is_over()
    now[0] += 80
    computed[0] += 1
    assert waiting.is_over()
