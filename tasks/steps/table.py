"""The steps of a round in one table: what each reads, what it makes, what it depends on, and its work.

Whether a step is done is the ledger's to say (``once``); Prefect retries, logs and shows, and its own result cache
stays off.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple

from al_core.campaign.less_memory import less_memory, what_to_lower
from al_core.errors import NoSpace, OutOfMemory, causes, first_line
from al_core.fingerprint import code_version, fingerprint
from al_core.project import Project
from al_core.settings import Table
from tasks.processes.memory import noted, release
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

_log = logging.getLogger(__name__)


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
        form: of its inputs. A version that tells them in another way raises it: a step that an earlier one finished
            then stays finished.
    """

    result: type[R]
    inputs: Callable[[RoundContext], Mapping[str, Any]]
    work: Callable[[RoundContext], R]
    reads: tuple[Read, ...] = ()
    files: Callable[[RoundContext, R], Mapping[int, MadeFile]] = lambda context, result: {}
    retries: int = 0
    form: int = 1

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
    done = ledger.begin_step(round_id, step.name, fingerprint(inputs), code_version(), step.form)
    if done is not None:
        return step.result.from_json(done.result)
    _log.info("round %d: %s begins", round_id, step.name)
    try:
        with noted(context.project.round_dir(round_id) / f"{step.name}.working") as killed:
            context, result, seconds = _worked(context, step, work, killed)
    except Exception as error:
        told = _as_ours(error, context)
        # What went wrong is told by the error itself, also where the ledger cannot be written.
        with suppress(Exception):
            ledger.fail_step(round_id, step.name, f"{type(told).__name__}: {told}")
        if told is not error:
            raise told from error
        raise
    ledger.finish_step(round_id, step.name, result.to_json(), seconds, context.stored)
    _log.info("round %d: %s is done after %.1f s", round_id, step.name, seconds)
    return result


def _worked(
    context: RoundContext, step: Step[R], work: Callable[[RoundContext], R], killed: OutOfMemory | None
) -> tuple[RoundContext, R, float]:
    """Do a step's work; where memory runs out, or ran out in a process that was killed for it, once more with less.

    Returns:
        What it was done with at last, its result, and its seconds.
    """
    if killed is not None:
        return _timed(_with_less(context, step, killed), work)
    try:
        return _timed(context, work)
    except Exception as error:
        if not OutOfMemory.seen_in(error):
            raise
        ran_out = OutOfMemory(first_line(error))
    # The error itself held on to what was in memory when it was raised.
    release()
    return _timed(_with_less(context, step, ran_out), work)


def _timed(context: RoundContext, work: Callable[[RoundContext], R]) -> tuple[RoundContext, R, float]:
    started = time.perf_counter()
    result = work(context)
    return context, result, time.perf_counter() - started


def _with_less(context: RoundContext, step: Step[Any], error: OutOfMemory) -> RoundContext:
    """Let the round go on with settings that need less memory, which the ledger keeps, and begin the step anew.

    Raises:
        OutOfMemory: the settings forbid it, or leave nothing to lower.
    """
    ledger, settings = context.ledger, context.settings
    less = less_memory(settings, step.name) if settings.student.lower_on_memory else {}
    if not less:
        raise error
    words = [f"{name} = {value}" for name, value in less.items()]
    ledger.change_round(context.round_id, context.round.settings.changed(less), "fewframes", words)
    if (asked := ledger.wanted()) is not None:
        ledger.want(asked.changed(less))
    again = context.of_round(context.round_id).of_step(step.name)
    if again.stored == context.stored:
        # A step that is repaired does what it did.
        raise error
    inputs = fingerprint(step.inputs(again))
    ledger.begin_step(context.round_id, step.name, inputs, code_version(), step.form)
    _log.warning(
        "memory ran out in step %r of round %d (%s); it is tried once more with %s, which later rounds keep",
        *(step.name, context.round_id, error, ", ".join(words)),
    )
    return again


def _as_ours(error: Exception, context: RoundContext) -> Exception:
    """Return the error to tell instead of one of a library, when a full disk or no memory is at its bottom."""
    for cause in causes(error):
        if isinstance(cause, OSError) and (full := NoSpace.caused_by(cause, context.project.root)):
            return full
    if not OutOfMemory.seen_in(error):
        return error
    step = f"step {context.step!r} of round {context.round_id}"
    settings = context.of_round(context.round_id).of_step(context.step).settings
    return OutOfMemory(f"memory ran out in {step} ({first_line(error)}); {what_to_lower(settings)}")


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
