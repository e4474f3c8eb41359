from dataclasses import replace

import pytest
from click.testing import CliRunner

from al_core.ledger.labelling.people import Role
from al_core.settings import Settings
from flows.cli.main import main
from tests.toys.ledgers import asked, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    """Answers of ann's to frames 7 and 3, which are not used before they are approved; rae reviews."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.held():
        ledger.begin_round(Settings().changed({"annotator.review": "before"}))
        ledger.add_annotator("rae", Role.REVIEWER)
        ledger.add_annotator("ann")
        for n, request in enumerate(asked(ledger, 7, 3)):
            ledger.put_answer(replace(mask_answer(request, f"a{n}"), annotator="ann"))
        ledger.put_likeness([("a1", "", 0.25)])
    return ledger


def call(ledger, *arguments):
    return CliRunner().invoke(main, ["review", *arguments, "--project", str(ledger.path.parent)])


def test_what_waits_is_listed_the_least_agreed_first(ledger):
    said = call(ledger, "list").output
    lines = [line.split() for line in said.splitlines() if line.strip().startswith("clip")]
    assert [(line[1], line[2], line[5], line[-1]) for line in lines] == [
        ("3", "ann", "25", "no"),
        ("7", "ann", "–", "no"),
    ]
    assert "2 answers wait for a review, 2 of them are not used before that." in said


def test_approving_and_returning_by_frame(ledger):
    assert call(ledger, "approve", "clip", "7", "--by", "rae").output == "1 answer approved.\n"
    assert [label.frame.frame_idx for label in ledger.human_labels()] == [7]
    assert (
        call(ledger, "return", "clip", "7", "3", "--by", "rae", "--note", "the tail").output == "2 answers returned.\n"
    )
    assert ledger.human_labels() == []
    assert len(ledger.requests(status="open")) == 2
    assert call(ledger, "list").output == "No answer waits for a review.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("approve", "clip", "5", "--by", "rae"), "clip: nobody answered the frames [5]"),
        (("approve", "clip", "7", "--by", "ann"), "ann may not review"),
        (("approve", "clip", "7", "--by", "nobody"), "nobody"),
        (("return", "clip", "7", "--by", "rae", "--note", " "), "a note has 1 to 1000 characters"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_stored(ledger, words, said):
    result = call(ledger, *words)
    assert result.exit_code == 1
    assert said in result.output
    assert ledger.reviews() == []
