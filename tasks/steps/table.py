"""The steps of a round in one table: what each reads, what it makes, what it depends on, and its work.

Whether a step is done is the ledger's to say (``once``); Prefect retries, logs and shows, and its own result cache
stays off.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple

from al_core.errors import NoSpace
from al_core.fingerprint import code_version, fingerprint
from al_core.project import Project
from al_core.settings import Table
from tasks.scheduling.events import tell_finished
from tasks.steps.audit import audit_inputs, audit_work, finish_round
from tasks.steps.collect import collect_found, collect_inputs, collect_work
from tasks.steps.context import (
    Audited,
    Chosen,
    Collected,
    Predicted,
    Propagated,
    R,
    Requested,
    RoundContext,
    Trained,
)
from tasks.steps.predict import predict_inputs, predict_work
from tasks.steps.propagate import propagate_inputs, propagate_work
from tasks.steps.request import request_inputs, request_work
from tasks.steps.select import select_inputs, select_work
from tasks.steps.train import train_inputs, train_work


class MadeFile(NamedTuple):
    """A file that a step made, with its SHA-256 (64 hex digits), or None where an early version noted none."""

    path: Path
    sha256: str | None


class Read(NamedTuple):
    """A step whose files another one reads: in the same round (shift 0), or in the one before (-1) that was not
    abandoned."""

    step: str
    shift: int


@dataclass(frozen=True)
class Step(Generic[R]):
    """One step of a round.

    Attributes:
        result: the type of what it leaves for others; it names the step.
        inputs: everything that the result depends on, JSON-like; hashed into the ledger.
        work: does the step. It may be called again after a crash, so what it writes must replace what a dead
            predecessor left.
        reads: the steps whose files it reads.
        files: the files that it made, by video; a checkpoint goes as video 0.
        retries: how often Prefect tries again when it fails.
    """

    result: type[R]
    inputs: Callable[[RoundContext], Mapping[str, Any]]
    work: Callable[[RoundContext], R]
    reads: tuple[Read, ...] = ()
    files: Callable[[RoundContext, R], Mapping[int, MadeFile]] = lambda context, result: {}
    retries: int = 0

    @property
    def name(self) -> str:
        """The step's name in the ledger and in Prefect."""
        return self.result.step

    def __call__(self, project: Project, round_id: int) -> R:
        """Do the step once; within a flow, as a Prefect task that shows under its name."""
        return _as_task(self.name, self.do, self.retries, project, round_id)

    def do(self, context: RoundContext) -> R:
        """Do the step exactly once; returns its result, of this call or of the one that finished it before."""
        return once(context, self, self.work)


class _Collect(Step[Collected]):
    """Waits for people: until their answers are complete, nothing is recorded."""

    def do(self, context: RoundContext) -> Collected:
        """Take in the answers that are there; the step is done when the round waits for none."""
        done = context.result(Collected) is not None
        found = Collected() if done else collect_found(context)
        return found if found.waiting else once(context, self, partial(collect_work, rejected=found.rejected))


def once(context: RoundContext, step: Step[R], work: Callable[[RoundContext], R]) -> R:
    """Do a step's work unless the ledger has its result already; record how it went, and with which settings."""
    context = context.of_step(step.name)
    ledger, round_id = context.ledger, context.round_id
    with ledger.held():
        inputs = step.inputs(context)
    done = ledger.begin_step(round_id, step.name, fingerprint(inputs), code_version())
    if done is not None:
        return step.result.from_json(done.result)
    started = time.perf_counter()
    try:
        result = work(context)
    except Exception as error:
        # What went wrong is told by the error itself, also where the ledger cannot be written.
        with suppress(Exception):
            ledger.fail_step(round_id, step.name, f"{type(error).__name__}: {error}")
        if (full := _as_full_disk(error, ledger.path.parent)) is not None:
            raise full from error
        raise
    seconds = time.perf_counter() - started
    ledger.finish_step(round_id, step.name, result.to_json(), seconds, context.settings)
    return result


def _as_full_disk(error: BaseException, folder: Path) -> NoSpace | None:
    """Return the error to tell instead, when a full disk is at the bottom of one: libraries wrap it in their own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and (full := NoSpace.caused_by(cause, folder)):
            return full
        cause = cause.__cause__ or cause.__context__
    return None


def _as_task(name: str, do: Callable[[RoundContext], Any], retries: int, project: Project, round_id: int) -> Any:
    # Only a flow needs Prefect; who reads the table does not.
    from prefect import task
    from prefect.cache_policies import NO_CACHE
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is None:
        return do(RoundContext.open(project, round_id))

    @task(name=name, cache_policy=NO_CACHE, retries=retries, retry_delay_seconds=1)
    def run(project: Project, round_id: int) -> Any:
        return do(RoundContext.open(project, round_id))

    return run(project, round_id)


# ---- the table


def _checkpoint(context: RoundContext, result: Trained) -> dict[int, MadeFile]:
    if not result.checkpoint:
        return {}
    return {0: MadeFile(context.project.absolute(result.checkpoint), result.sha256)}


def _predictions(context: RoundContext, result: Predicted) -> dict[int, MadeFile]:
    return _of_videos(context, context.ledger.prediction_paths(context.round_id), result.hashes)


def _delivered(context: RoundContext, result: Propagated) -> dict[int, MadeFile]:
    return _of_videos(context, context.ledger.delivered_paths(context.round_id), result.hashes)


def _of_videos(context: RoundContext, paths: Mapping[int, str], hashes: Mapping[str, str]) -> dict[int, MadeFile]:
    return {v: MadeFile(context.project.absolute(path), hashes.get(str(v))) for v, path in paths.items()}


select = Step(Chosen, select_inputs, select_work, reads=(Read("predict", -1),))
request = Step(Requested, request_inputs, request_work, reads=(Read("propagate", -1),), retries=2)
collect = _Collect(Collected, collect_inputs, partial(collect_work, rejected=()), retries=2)
train = Step(Trained, train_inputs, train_work, reads=(Read("train", -1),), files=_checkpoint)
predict = Step(Predicted, predict_inputs, predict_work, reads=(Read("train", 0),), files=_predictions)
propagate = Step(Propagated, propagate_inputs, propagate_work, reads=(Read("predict", 0),), files=_delivered)
audit = Step(Audited, audit_inputs, audit_work, reads=(Read("propagate", 0),))

STEPS: Table[Step[Any]] = Table(
    "step", {step.name: step for step in (select, request, collect, train, predict, propagate, audit)}
)
"""The steps of a round, in their order."""


def finish(project: Project, round_id: int) -> str | None:
    """Close the round, as a Prefect task; returns why the campaign ends with it, or None when it goes on."""
    return _as_task("finish", close, 0, project, round_id)


def close(context: RoundContext) -> str | None:
    """Close the round and tell who wants to know; the same call twice is the same as once."""
    if context.round.status != "running":
        return context.round.stop_reason
    with context.ledger.held():
        reason = finish_round(context)
    tell_finished(context.project, context.ledger, context.round_id)
    return reason
