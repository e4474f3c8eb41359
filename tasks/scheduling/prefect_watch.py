"""Looks after a project's runs on a Prefect server: restarts those whose process is gone or hangs.

A worker tells the server when the process of a run dies, but nobody tells it when the worker dies too, as in a power
cut: the run would be "Running" for ever. Restarting a run does nothing twice, because the ledger knows what is done.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from al_core.project import Project
from tasks.processes.children import kill
from tasks.processes.heartbeat import Patience, Watchdog, touched
from tasks.processes.run_lock import holder, is_held
from tasks.scheduling.deployed_runs import note_of_run
from tasks.scheduling.deployments import deployment_ids
from tasks.scheduling.prefect_api import PrefectApi

_log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""A run whose process died this often is not restarted."""

GIVEN_UP = "GivenUp"
"""Name of the state of such a run."""

# For this long a run may begin, and end, without having a noted process.
_START_SECONDS = 120.0
_LATE_SECONDS = 60.0
# What crashed and waits for another attempt is not dropped with its schedule.
_NEVER_BEGUN = ("Scheduled", "Late")


class Watch:
    """Looks after the runs of one project.

    Args:
        url: of the server's API.
        given_up: called with what became of a run that is not restarted.
        now: gives the time, with zone.
    """

    def __init__(
        self,
        url: str,
        project: Project,
        given_up: Callable[[str], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience: Patience | None = None,
    ) -> None:
        self._url = url
        self._project = project
        self._given_up = given_up
        self._now = now
        self._patience = patience
        self._watchdogs: dict[str, Watchdog] = {}

    def look(self) -> None:
        """Look at every run once, and mend what has to be.

        Raises:
            ToolUnreachable: the server does not answer; looking again later is all that is needed.
        """
        with PrefectApi(self._url) as api:
            for flow, deployment_id in deployment_ids(api, self._project).items():
                self._mark_dead(api, flow, deployment_id)
                self._drop_replaced(api, flow, deployment_id)
                self._begin_again(api, flow, deployment_id)
                self._thin_out(api, flow, deployment_id)

    def _mark_dead(self, api: PrefectApi, flow: str, deployment_id: str) -> None:
        for run in api.flow_runs([deployment_id], ["RUNNING", "PENDING"]):
            note = note_of_run(self._project.prefect_home, run.flow_run_id)
            lives = is_held(note)
            if lives:
                self._kill_if_silent(flow, run.flow_run_id, note)
            elif lives is None:
                lives = self._now() - run.changed_at < timedelta(seconds=_START_SECONDS)
            if not lives:
                _log.warning("the process of %s %s is gone", flow, run.flow_run_id)
                api.set_state(run.flow_run_id, "CRASHED", "its process is gone")
                note.unlink(missing_ok=True)

    def _kill_if_silent(self, flow: str, flow_run_id: str, note: Path) -> None:
        """Kill a process that hangs; the next look finds it dead."""
        watchdog = self._watchdogs.setdefault(
            flow_run_id, Watchdog(f"{flow} {flow_run_id}", touched(note), self._patience)
        )
        if reason := watchdog.look():
            _log.error("%s; it is killed", reason)
            kill(holder(note))

    def _begin_again(self, api: PrefectApi, flow: str, deployment_id: str) -> None:
        """Restart the newest run if it crashed: what an older one had to do is done by those that came after it."""
        # Runs that are due are looked for first: a worker that takes one between two looks makes it one that began.
        if api.flow_runs([deployment_id], ["SCHEDULED"], due_before=self._now(), limit=1):
            return
        states = ["CRASHED", "RUNNING", "PENDING", "COMPLETED", "FAILED", "CANCELLED", "CANCELLING"]
        newest = next(iter(api.flow_runs([deployment_id], states, limit=1)), None)
        if newest is None or newest.state != "CRASHED" or newest.state_name == GIVEN_UP:
            return
        crashes = api.crashes(newest.flow_run_id)
        if crashes < MOST_ATTEMPTS:
            _log.warning("%s %s is restarted", flow, newest.flow_run_id)
            api.set_state(newest.flow_run_id, "SCHEDULED", "restarted after a crash", name="AwaitingRetry")
        else:
            api.set_state(newest.flow_run_id, "CRASHED", f"its process died {crashes} times", name=GIVEN_UP)
            self._given_up(f"the process of {flow} died {crashes} times, so it is not restarted")

    def _drop_replaced(self, api: PrefectApi, flow: str, deployment_id: str) -> None:
        """Cancel what a schedule planned that is no more.

        The server drops plans together with their schedule, but may be writing others down at that very moment.
        """
        planned = [
            run
            for run in api.flow_runs([deployment_id], ["SCHEDULED"])
            if run.schedule_id is not None and run.state_name in _NEVER_BEGUN
        ]
        if not planned:
            return
        schedules = api.schedule_ids(deployment_id)
        for run in planned:
            if run.schedule_id not in schedules:
                api.set_state(run.flow_run_id, "CANCELLED", "its schedule was replaced")
                _log.info("%s %s was planned by a schedule that was replaced", flow, run.flow_run_id)

    def _thin_out(self, api: PrefectApi, flow: str, deployment_id: str) -> None:
        """Cancel missed runs of a schedule that do the same as another one: after an outage all of them are late."""
        before = self._now() - timedelta(seconds=_LATE_SECONDS)
        kept: list[Mapping[str, object]] = []
        for run in api.flow_runs([deployment_id], ["SCHEDULED"], due_before=before):
            if run.schedule_id is None:
                continue
            if run.parameters in kept:
                api.set_state(run.flow_run_id, "CANCELLED", "it was missed, and a later run does the same")
                _log.info("%s %s was missed, and a later run does the same", flow, run.flow_run_id)
            else:
                kept.append(run.parameters)
