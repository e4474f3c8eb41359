"""Damage to the ledger's file: locked, cut short, replaced, its log torn off as by a power cut."""

import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import duckdb

from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import LabelRequest
from al_core.settings import Settings
from tests.faults import children
from tests.faults.campaign import contents, expect_same
from tests.faults.framework import Family, expect
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer

N_REQUESTS = 12


def fewframes(*words: object) -> children.Ended:
    """A command, in a child that has everything loaded."""
    return children.run(command_line, [str(word) for word in words])


def command_line(words: list[str]) -> None:
    """What the command line does; called in a child."""
    from flows.cli.main import main

    main(words, prog_name="fewframes")


def expect_refused(ended: children.Ended, *words: str) -> None:
    """The command must end with one line that has these words."""
    expect(ended.code == 1, f"expected a refusal, got code {ended.code}: {ended.said}")
    expect("Traceback" not in ended.said, ended.said)
    missing = [word for word in words if word not in " ".join(ended.said.split())]
    expect(not missing, f"the message lacks {missing}: {ended.said}")


class DamagedLedger(Family):
    """A file that is no longer what it was is refused, left as it is, and made good from a backup."""

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Damage the ledger of a finished campaign."""
        project = self.lab.undisturbed.finished(folder / "project")
        before = contents(project)
        where, words = self.damage(rng, project)
        content = _content(project.ledger_path)
        status = fewframes("status", "--project", project.root)
        if status.code == 0:
            expect_same(contents(project), before)
            return where, "nothing was in the part that is gone"
        expect_refused(status, "ledger.duckdb", *words)
        expect_refused(fewframes("run", "--project", project.root), "ledger.duckdb", *words)
        expect(_content(project.ledger_path) == content, "the damaged file was written to")
        restored = fewframes("restore", self.lab.backup, folder / "restored")
        expect(restored.code == 0, restored.said)
        expect_same(contents(Project.at(folder / "restored")), before)
        again = fewframes("status", "--project", folder / "restored")
        expect(again.code == 0, again.said)
        return where, "refused, left as it was; restored from a backup"

    def damage(self, rng: random.Random, project: Project) -> tuple[str, tuple[str, ...]]:
        """Do it; returns (where, words that the message must have)."""
        raise NotImplementedError


class CutLedger(DamagedLedger):
    """Cut short anywhere."""

    name = "ledger_truncated"
    fault = "ledger file cut short at a random length"
    times = 24

    def damage(self, rng: random.Random, project: Project) -> tuple[str, tuple[str, ...]]:
        """Most cuts go through blocks, some through the headers."""
        size = project.ledger_path.stat().st_size
        length = rng.randrange(12288) if rng.random() < 0.3 else rng.randrange(size)
        os.truncate(project.ledger_path, length)
        return f"{length:,} of {size:,} bytes left", ("restore",)


class ReplacedLedger(DamagedLedger):
    """Something else lies in its place."""

    name = "ledger_replaced"
    fault = "ledger file replaced: another project's, another database, garbage, empty, gone"
    times = 20

    def damage(self, rng: random.Random, project: Project) -> tuple[str, tuple[str, ...]]:
        """All kinds in turn."""
        kinds = (self._other_project, self._other_database, self._garbage, self._empty, self._gone)
        return kinds[self._made % len(kinds)](rng, project.ledger_path)

    def _other_project(self, rng: random.Random, path: Path) -> tuple[str, tuple[str, ...]]:
        other = self.scratch / f"other{self._made}"
        other.mkdir()
        ledger_with_clip(other)
        os.replace(other / "ledger.duckdb", path)
        return "another project's", ("was replaced", "restore", "begun at")

    def _other_database(self, rng: random.Random, path: Path) -> tuple[str, tuple[str, ...]]:
        path.unlink()
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE holiday AS SELECT range AS day FROM range(100)")
        return "another database", ("was replaced", "no ledger", "restore")

    def _garbage(self, rng: random.Random, path: Path) -> tuple[str, tuple[str, ...]]:
        path.write_bytes(rng.randbytes(rng.randrange(1, 400_000)))
        return "garbage", ("cannot be read as a ledger", "restore")

    def _empty(self, rng: random.Random, path: Path) -> tuple[str, tuple[str, ...]]:
        path.write_bytes(b"")
        return "an empty file", ("empty", "restore")

    def _gone(self, rng: random.Random, path: Path) -> tuple[str, tuple[str, ...]]:
        path.unlink()
        return "nothing", ("gone", "restore")


class LockedLedger(Family):
    """Another process has the file: who comes waits, and says for whom."""

    name = "ledger_locked"
    fault = "ledger file locked by another process, which goes, is killed, or stays"
    times = 18

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Lock it in a process of its own."""
        ledger = ledger_with_clip(folder)
        how = ("goes", "is killed", "stays")[self._made % 3]
        seconds = rng.uniform(0.2, 1.5)
        locker = subprocess.Popen(
            [sys.executable, "-c", _LOCK, str(ledger.path), str(60 if how != "goes" else seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert locker.stdout is not None
            locker.stdout.readline()
            if how == "stays":
                told = children.run(add_category, ledger.path, "late", 0.3)
                expect_refused(told, "is in use by process", str(locker.pid), "try again")
            else:
                child = children.Child(add_category, ledger.path, "late", 60.0)
                if how == "is killed":
                    _wait(seconds)
                    locker.kill()
                ended = child.end()
                expect(ended.code == 0, ended.said)
        finally:
            locker.kill()
            locker.wait()
        expected = {1: "object"} if how == "stays" else {1: "object", 2: "late"}
        expect(Ledger(ledger.path).categories() == expected, f"{Ledger(ledger.path).categories()}")
        outcome = "refused, names the process" if how == "stays" else "waited, then did it once"
        return f"the other one {how}", outcome


def add_category(path: Path, name: str, patience: float) -> None:
    """A small write; called in a child."""
    Ledger(path, patience).add_categories([name])


_LOCK = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("has it", flush=True)
time.sleep(float(sys.argv[2]))
connection.close()
"""


class TornLog(Family):
    """Power is cut: of the write-ahead log only a part reached the disk, or zeros did."""

    name = "wal_truncated"
    fault = "write-ahead log torn off at a random length, or followed by zeros, as by a power cut"
    times = 40
    short = 2

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """What was on the disk when it was acknowledged is there, whole; nothing else is half there."""
        ledger = ledger_with_clip(folder)
        ledger.add_annotator("ann")
        ledger.add_annotator("rae", Role.REVIEWER)
        ledger.begin_round(Settings().changed({"annotator.backend": "page", "annotator.review": "before"}))
        ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in range(N_REQUESTS)])
        marks = folder / "marks"
        killed = children.run(answer_and_die, folder, rng.randint(2, N_REQUESTS))
        expect(killed.killed, killed.said)
        on_disk = [(line.split()[0], int(line.split()[1])) for line in marks.read_text().splitlines()]
        log = ledger.path.with_name("ledger.duckdb.wal")
        whole = log.stat().st_size
        length = rng.choice((rng.randrange(whole + 1), rng.choice(on_disk)[1]))
        os.truncate(log, length)
        zeros = rng.choice((0, 0, rng.randrange(1, 9000)))
        with log.open("ab") as file:
            file.write(bytes(zeros))
        where = f"{length:,} of {whole:,} bytes left" + (f", then {zeros:,} zeros" if zeros else "")
        expected = {answer for answer, size in on_disk if size <= length}
        again = fewframes("status", "--project", folder)
        expect(again.code == 0, again.said)
        found = {given.answer.answer_id for given in Ledger(ledger.path).answers_given()}
        reviews = {review.review_id: review.answer_id for review in Ledger(ledger.path).reviews()}
        expect(expected <= found | reviews.keys(), f"lost: {expected - found}")
        expect(found | reviews.keys() <= {name for name, _ in on_disk}, f"never acknowledged: {found}")
        expect(found >= set(reviews.values()), "a review of an answer that is not there")
        expect(len(ledger.human_labels()) == len(reviews), "used without an approval, or approved and not used")
        _expect_consistent(ledger.path, found)
        _answer_the_rest(ledger)
        _expect_consistent(ledger.path, {given.answer.answer_id for given in ledger.answers_given()})
        expect(len(ledger.answers_given()) == N_REQUESTS, "not every request has one answer in the end")
        return where, "all that had reached the disk is there, nothing is half there"


def answer_and_die(folder: Path, n: int) -> None:
    """Answer requests and approve the answers as the server does, note what was acknowledged and how long the log was
    then, and die."""
    ledger = Ledger(folder / "ledger.duckdb")
    log = folder / "ledger.duckdb.wal"
    with ledger.owned(), (folder / "marks").open("w") as marks:
        for _ in range(n):
            print(_answer_next(ledger), log.stat().st_size, file=marks, flush=True)
            print(_approve_next(ledger), log.stat().st_size, file=marks, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


def _answer_next(ledger: Ledger) -> str:
    task = ledger.claim("ann", 60.0)
    assert task is not None
    answer = mask_answer(task.question.request, str(uuid4()))
    return ledger.submit(answer, task.lease, task.base_revision).answer_id


def _approve_next(ledger: Ledger) -> str:
    found = ledger.claim_review("rae", 60.0)
    assert found is not None
    request_id, task = found.task.question.request.request_id, found.task
    return ledger.approve(str(uuid4()), request_id, "rae", task.lease, task.base_revision, 2.0).review_id


def _answer_the_rest(ledger: Ledger) -> None:
    with ledger.owned():
        while ledger.requests(status="open"):
            _answer_next(ledger)


def _expect_consistent(path: Path, answers: set[str]) -> None:
    """Each answer has its one label, and its request is done."""
    with duckdb.connect(str(path)) as connection:
        labels = connection.execute("SELECT answer_id FROM label ORDER BY 1").fetchall()
        done = connection.execute("SELECT request_id FROM label_request WHERE status = 'done' ORDER BY 1").fetchall()
        asked = connection.execute("SELECT request_id FROM answer ORDER BY 1").fetchall()
    expect(sorted(a for (a,) in labels) == sorted(answers), f"labels {labels}, answers {answers}")
    expect(done == asked, f"done {done}, answered {asked}")


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "gone"


def _wait(seconds: float) -> None:
    import time

    time.sleep(seconds)
