"""What a project has certified, as a list and as a page of each look."""

from dataclasses import replace

from al_core.audit.audit_records import Accepted, JudgeQuality
from tasks.report.pages.certificate_section import certificate, certificates
from tests.toys.audits.deliveries import certificate as made
from tests.toys.web.html_page import Page

EVE = JudgeQuality("eve", 12, 1, 30, 0, 110)
LOOK = replace(made(), judges=(EVE, JudgeQuality("kim", 0, 0, 0, 0, 10)), people=("eve", "kim"), excluded=((1, 2, 3),))


def test_all_looks_are_listed_the_newest_first_and_linked():
    nothing = replace(made(2), accepted=())
    page = Page(str(certificates([LOOK, nothing], "certificates/")))
    (table,) = page.tables
    assert [row[0] for row in table[1:]] == [nothing.certificate_id, LOOK.certificate_id]
    assert table[2][4:9] == ["199 of 400", "5.0 %", "0.75", "120", "4"]
    assert table[1][4] == "0 of 400"
    assert f'href="certificates/{LOOK.certificate_id}"' in str(certificates([LOOK], "certificates/"))
    assert "href" not in str(certificates([LOOK]))
    assert "Nothing is certified yet" in str(certificates([]))


def test_a_page_says_what_is_accepted_who_answered_and_what_is_not_covered():
    html = str(certificate(LOOK, {1: "dog"}))
    page = Page(html)
    assert "199" in page.texts
    assert "of 400 masks, 1 mask that the audit found bad left out" in page.texts
    accepted, people, facts = page.tables
    assert accepted[1] == ["everything", "0.900", "200", "60", "0", "4.9 %"]
    assert people[1:] == [["eve", "110", "1 of 12 (0 % to 38 %)", "0 of 30 (0 % to 12 %)"], ["kim", "10", "–", "–"]]
    assert ["draws", "1 (seed 7)"] in facts
    assert "<th></th>" not in html
    assert "<dd>judged</dd></dl>" in html, "how many are bad stands beside it"
    assert LOOK.not_covered[0] in page.texts
    assert f'href="{LOOK.certificate_id}.json"' in html
    assert "Verified now" not in html
    assert "FAILS: the files" in str(certificate(LOOK, {}, ["FAILS: the files were changed"]))


def test_each_category_has_a_line_and_names_are_escaped():
    each = (Accepted(1, 0.9, 100, 40, 0, 0.05), Accepted(2, 0.5, 50, 20, 1, 0.05))
    look = replace(LOOK, accepted=each, by_category=True, people=("<b>eve",))
    html = str(certificate(look, {1: "dog"}))
    assert [row[0] for row in Page(html).tables[0][1:]] == ["dog", "2"]
    assert "<b>eve" not in html
    nothing = str(certificate(replace(LOOK, accepted=()), {}))
    assert "What is accepted" not in nothing
    assert "certifies nothing" in nothing
