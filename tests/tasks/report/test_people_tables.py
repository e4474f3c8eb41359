"""The table of people for the terminal."""

import io
from dataclasses import replace

from rich.console import Console

from al_core.audit.audit_records import JudgeQuality
from al_core.ledger.labelling.people import Role
from al_core.records import LabelKind
from tasks.project.annotator_stats import PersonRow
from tasks.report.people_tables import cells, people_table

ADA = PersonRow("ada", Role.ANNOTATOR, False, 1, 2.0, {LabelKind.ACCEPT: 2.0}, 1.0, None, None, None, 0)
ANNA = PersonRow(
    "Anna-Maria Mustermann",
    Role.ANNOTATOR,
    True,
    1234,
    98765.0,
    {LabelKind.MASK: 130.0, LabelKind.ACCEPT: 12.3},
    0.5,
    0.25,
    0.875,
    0.9,
    1,
)


def shown(*rows):
    console = Console(width=80, file=io.StringIO())
    console.print(people_table(rows))
    return console.file.getvalue()


def test_everybody_has_a_line_of_figures():
    (line,) = [line for line in shown(ADA).splitlines() if line.startswith("ada")]
    assert line.split() == ["ada", "1", "2.0", "s", "–", "2.0", "100", "%", "–", "–", "–"]


def test_long_names_and_many_frames_fit_80_columns():
    text = shown(ADA, ANNA)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("Anna-Maria")]
    assert line.split()[1:] == ["1,234", "27.4", "h", "130.0", "12.3", "50", "%", "25", "%", "0.875", "0.900"]
    assert "revoked" in text


def test_reviews_are_told_below():
    seen = replace(ADA, reviewed=9, returned=2)
    text = " ".join(shown(seen, replace(ANNA, reviews=12, review_seconds=8.25)).split())
    assert "Of ada, 2 of 9 reviewed answers came back." in text
    assert "Anna-Maria Mustermann reviewed 12 answers, 8.2 s each." in text
    assert "reviewed answers" not in shown(ADA, ANNA)
    assert cells(seen)[-5:] == ("2 of 9", "0", "–", "–", "–")


def test_what_judgements_are_worth_is_told_with_intervals():
    judge = JudgeQuality("ada", bad=12, bad_accepted=1, good=30, good_refused=0)
    row = replace(ADA, judge=judge, agreement_j=0.9, agreement_span=(0.8, 0.95), known_j=0.85, known_span=(0.5, 1.0))
    assert cells(row)[-2:] == ("1 of 12 (0 % to 38 %)", "0 of 30 (0 % to 12 %)")
    assert cells(row)[9:11] == ("0.900 (0.800 to 0.950)", "0.850 (0.500 to 1.000)")
    text = " ".join(shown(row).split())
    assert "ada let pass of bad masks 1 of 12 (0 % to 38 %), and refused of good ones 0 of 30 (0 % to 12 %)." in text
    assert max(map(len, shown(row).splitlines())) <= 80
