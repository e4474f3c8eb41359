"""What runs of many tests may share: a Prefect server that all use, and which students went well."""

import os
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from al_core.project import Project
from tasks.scheduling.prefect_api import PrefectApi
from tests.toys.processes.together import one_at_a_time, together

ROOT = Path(__file__).resolve().parents[3]

_SERVE = """
import os, sys, threading, uvicorn
from tests.toys.processes.together import wait_for_the_end

threading.Thread(target=lambda: (wait_for_the_end(), os._exit(0)), daemon=True).start()
application, port = "prefect.server.api.server:create_app", int(sys.argv[1])
uvicorn.run(application, factory=True, host="127.0.0.1", port=port, log_level="error")
"""
_MIGRATE = """
import asyncio, os, sqlite3
from prefect.server.database.dependencies import provide_database_interface

async def migrate():
    database = provide_database_interface()
    await database.create_db()
    await (await database.engine()).dispose()

asyncio.run(migrate())
with sqlite3.connect(os.path.join(os.environ["PREFECT_HOME"], "prefect.db")) as connection:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""


def migrated(home: Path) -> Path:
    """Let a server's folder hold an empty database of this Prefect's schema; returns the folder.

    Its migrations take five seconds of computing, which the first server of every other folder spends.
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / "prefect.db").write_bytes(_database())
    return home


# Nothing is planned on it, and looking for plans again and again costs a third of what an idle server computes.
_SERVICES = ("CANCELLATION_CLEANUP", "FOREMAN", "LATE_RUNS", "PAUSE_EXPIRATIONS", "SCHEDULER", "TRIGGERS")


@cache
def _database() -> bytes:
    with one_at_a_time("empty.db") as made:
        if not made.is_file():
            with TemporaryDirectory() as home:
                subprocess.run([sys.executable, "-c", _MIGRATE], check=True, env=_environment(Path(home)))
                Path(home, "prefect.db").rename(made)
        return made.read_bytes()


def _environment(home: Path) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    idle = {f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false" for service in _SERVICES}
    return others | idle | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


def prefect_beside() -> str:
    """Return the API URL of a server that no project knows of, one for all processes of this run of the tests.

    A run that finds it in ``PREFECT_API_URL`` starts none of its own, which takes ten seconds of computing the first
    time in a project and four later on.
    """
    with one_at_a_time("prefect_url") as note:
        if not note.is_file():
            note.write_text(_started(together() / "prefect"))
        return note.read_text()


def _started(folder: Path) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, environment = [sys.executable, "-c", _SERVE, str(port)], _environment(migrated(folder))
    with (folder / "output.txt").open("wb") as output:
        child = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=ROOT)
    url = f"http://127.0.0.1:{port}/api"
    with PrefectApi(url) as api:
        while not api.healthy():
            assert child.poll() is None, (folder / "output.txt").read_text()
            time.sleep(0.1)
    return url


def share_trials(project: Project, folder: Path) -> None:
    """Let a project remember the students that went well in others, as it does those of its own.

    What is remembered is told by the settings, the categories and the code, so it holds for other projects too.
    """
    folder.mkdir(exist_ok=True)
    project.cache.mkdir(parents=True, exist_ok=True)
    (project.cache / "trials").symlink_to(folder)
