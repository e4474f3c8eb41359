"""The few questions that we ask a Prefect server over HTTP, without loading Prefect, which takes seconds.

Every call has a short limit, and is made again only where the server says that its database is busy: what asks is a
server that people label at, or a training, and neither may be held up by an orchestrator that does not answer.
"""

import base64
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx

from al_core.errors import ToolUnreachable
from tasks.network.clients import web_client

TIMEOUT = 10.0
"""Seconds that a call may take."""

_BUSY_WAITS = (0.5, 1.0, 2.0)

UNFINISHED = ("SCHEDULED", "PENDING", "RUNNING")
"""Types of state of a flow run that is due, about to begin, or at work."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A run as the server knows it.

    Attributes:
        state: type of its state, e.g. "RUNNING".
        state_name: what the state is called, e.g. "Late".
        schedule_id: of the schedule that made it; None where a person did.
        due_at: when it is or was to begin.
        changed_at: since when it is in its state.
    """

    flow_run_id: str
    deployment_id: str
    state: str
    state_name: str
    schedule_id: str | None
    parameters: Mapping[str, Any]
    due_at: datetime
    changed_at: datetime


class PrefectApi:
    """A Prefect server, by the URL of its API.

    Every method raises ToolUnreachable when the server does not answer, or refuses.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self.url = url.rstrip("/")
        self._client = web_client(self.url, timeout=timeout, headers=_credentials())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def healthy(self) -> bool:
        """Tell whether it answers."""
        try:
            return self._ask("GET", "/health") is True
        except ToolUnreachable:
            return False

    def deployment(self, flow: str, name: str) -> str | None:
        """Return the id of a deployment; None where there is none of that name."""
        found = self._ask("GET", f"/deployments/name/{flow}/{name}", may_miss=True)
        return None if found is None else str(found["id"])

    def change_entrypoint(self, deployment_id: str, entrypoint: str) -> None:
        """Let a deployment find its flow at another place, as "package.module.function"."""
        self._ask("PATCH", f"/deployments/{deployment_id}", {"entrypoint": entrypoint})

    def schedule_ids(self, deployment_id: str) -> set[str]:
        """Return the ids of the schedules that a deployment has."""
        return {str(schedule["id"]) for schedule in self._ask("GET", f"/deployments/{deployment_id}/schedules")}

    def has_worker(self, pool: str) -> bool:
        """Tell whether a worker of a pool showed its heartbeat lately."""
        workers = self._ask("POST", f"/work_pools/{pool}/workers/filter", {}, may_miss=True)
        return any(worker["status"] == "ONLINE" for worker in workers or ())

    def has_limit(self, name: str) -> bool:
        """Tell whether there is a global concurrency limit of that name."""
        return self._ask("GET", f"/v2/concurrency_limits/{name}", may_miss=True) is not None

    def begin(self, deployment_id: str) -> str:
        """Let a worker run a deployment as soon as it can; returns the id of the flow run."""
        body = {"state": {"type": "SCHEDULED"}}
        return str(self._ask("POST", f"/deployments/{deployment_id}/create_flow_run", body)["id"])

    def flow_runs(
        self, deployment_ids: Sequence[str], states: Sequence[str], due_before: datetime | None = None, limit: int = 100
    ) -> list[FlowRun]:
        """Return the runs of some deployments in states of some types, the newest first.

        Args:
            due_before: only those that are or were to begin before, with zone: schedules make runs far ahead.
        """
        wanted: dict[str, Any] = {
            "deployment_id": {"any_": list(deployment_ids)},
            "state": {"type": {"any_": list(states)}},
        }
        if due_before is not None:
            wanted["expected_start_time"] = {"before_": due_before.isoformat()}
        body = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_DESC", "limit": limit}
        return [_flow_run(row) for row in self._ask("POST", "/flow_runs/filter", body)]

    def crashes(self, flow_run_id: str) -> int:
        """Count how often a run has crashed, also before it had really begun."""
        history = self._ask("GET", f"/flow_run_states/?flow_run_id={flow_run_id}")
        return sum(state["type"] == "CRASHED" for state in history)

    def set_state(self, flow_run_id: str, state: str, message: str, name: str | None = None) -> None:
        """Put a run into another state, whatever rules there are."""
        body = {"state": {"type": state, "name": name, "message": message}, "force": True}
        self._ask("POST", f"/flow_runs/{flow_run_id}/set_state", body)

    def put_artifact(self, kind: str, data: object, key: str, description: str, run: Mapping[str, str]) -> str:
        """Show something on Prefect's pages; returns its id.

        Args:
            kind: "progress" with data in [0, 100], or "markdown" with text.
            run: ``flow_run_id`` and perhaps ``task_run_id`` that it belongs to.
        """
        body = {"type": kind, "data": data, "key": key, "description": description, **run}
        return str(self._ask("POST", "/artifacts/", body)["id"])

    def change_artifact(self, artifact_id: str, data: object, description: str) -> None:
        """Show something else in the place of what was shown."""
        self._ask("PATCH", f"/artifacts/{artifact_id}", {"data": data, "description": description})

    def _ask(self, method: str, path: str, body: object = None, may_miss: bool = False) -> Any:
        """Return what a call answers; None where there need not be such a thing and there is none."""
        try:
            for wait in (*_BUSY_WAITS, None):
                answer = self._client.request(method, path, json=body)
                if wait is None or answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                time.sleep(wait)
            if may_miss and answer.status_code == httpx.codes.NOT_FOUND:
                return None
            answer.raise_for_status()
            return answer.json() if answer.content else None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise ToolUnreachable(f"the Prefect server at {self.url} was asked for {path}: {_words(error)}") from None


def _words(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error.response.status_code} {error.response.text[:300]}"
    return str(error) or type(error).__name__


def _credentials() -> dict[str, str]:
    """Return the headers by which Prefect's own client signs in."""
    key, login = os.environ.get("PREFECT_API_KEY"), os.environ.get("PREFECT_API_AUTH_STRING")
    if key:
        return {"Authorization": f"Bearer {key}"}
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}


def _flow_run(row: Mapping[str, Any]) -> FlowRun:
    return FlowRun(
        row["id"],
        row["deployment_id"],
        row["state_type"],
        row["state_name"],
        row["created_by"]["id"] if row["auto_scheduled"] else None,
        row["parameters"],
        datetime.fromisoformat(row["expected_start_time"]),
        datetime.fromisoformat(row["state"]["timestamp"]),
    )
