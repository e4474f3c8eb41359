"""Categories on the labelling page: what objects may be called, the guide, and one that a lead adds while labelling."""

import pytest

from al_core.ledger.labelling.people import Role
from al_core.records import FrameRef, LabelRequest, Selected
from al_core.settings import Settings
from tests.toys.labelled_project import new_project
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import Person
from tests.toys.web.serving import served

pytestmark = needs_chromium


@pytest.fixture
def ledger(tmp_path):
    """The ledger of a served project that waits for two labels, and its address; its video shows thin ones."""
    project, own, _ = new_project(tmp_path)
    own.set_category("thin", "lea", colour="#cc3366", description="narrower than high", key="7")
    own.set_video_categories(1, ["thin"])
    own.put_guide("# Squares\n\nThe <b>whole</b> square.", "lea")
    own.begin_round(Settings())
    chosen = [Selected(FrameRef(1, frame), rank, 0.5, "it moves") for rank, frame in enumerate((1, 2))]
    own.put_requests([LabelRequest.of(1, selected) for selected in chosen])
    with served(project) as (context, owner):
        yield context.ledger, owner.url


def enter(running, ledger, name, role):
    person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator(name, role)}")
    person.task()
    return person


def test_a_lead_adds_a_category_and_labels_with_it(running, ledger):
    lea = enter(running, ledger, "lea", Role.LEAD)
    page = lea.page
    lea.drag((2, 2), (20, 3))
    assert page.input_value('[data-part="category"]') == str(ledger[0].category_ids()["thin"])
    page.click("#new-category")
    page.fill('[name="name"]', "THIN")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('category-error').textContent.includes('capital letters')")
    page.fill('[name="name"]', "round")
    page.fill('[name="description"]', "as high as wide")
    page.fill('[name="key"]', "8")
    page.keyboard.press("Enter")
    page.wait_for_selector("#add-category:not([open])", state="attached")
    page.keyboard.press("8")
    page.wait_for_function("() => document.querySelector('[data-part=about]').textContent === 'as high as wide'")
    lea.next_after(lea.go_on())
    ((label,),) = [found.masks for found in ledger[0].human_labels()]
    assert label.category_id == ledger[0].category_ids()["round"]
    lea.context.close()


def test_the_guide_shows_what_the_lead_wrote(running, ledger):
    ada = enter(running, ledger, "ada", Role.ANNOTATOR)
    page = ada.page
    assert not page.is_visible("#new-category")
    page.keyboard.press("Shift+G")
    page.wait_for_selector("#guide[open]")
    assert page.inner_text("#guide-text h1") == "Squares"
    assert page.inner_text("#guide-text p") == "The <b>whole</b> square."
    shown = page.inner_text("#guide-categories")
    assert [part for part in ("thin", "7", "narrower than high", "high") if part not in shown] == []
    page.keyboard.press("Escape")
    page.wait_for_selector("#guide:not([open])", state="attached")
    ada.context.close()
