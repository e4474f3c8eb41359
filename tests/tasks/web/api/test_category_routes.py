"""Categories and the guide, as people who label get them."""

import pytest

from al_core.ledger.labelling.people import Role
from tests.toys.web.desk import answer, desk, sent, square


@pytest.fixture
def office(tmp_path):
    with desk(tmp_path) as found:
        yield found


@pytest.fixture
def ada(office):
    return office.person("ada")


@pytest.fixture
def lea(office):
    return office.person("lea", Role.LEAD)


def names(client):
    return {c["name"]: c["key"] for c in client.get("/api/categories").json()["categories"]}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("- one\n- **two**", "<ul>\n<li>one</li>\n<li><strong>two</strong></li>\n</ul>\n"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("[here](javascript:alert(1))", "<p>[here](javascript:alert(1))</p>\n"),
        ("![x](https://example.org/x.png)", '<p>!<a href="https://example.org/x.png">x</a></p>\n'),
    ],
)
def test_markdown_of_a_guide_brings_no_code_along(office, ada, written, shown):
    office.ledger.put_guide(written, "lea")
    assert ada.get("/api/categories").json()["guide_html"] == shown


def test_the_guide_and_the_categories_are_told(office, ada):
    office.ledger.put_guide("# <b>Squares</b>", "lea")
    office.ledger.set_category("circle", "lea", colour="#112233", description="round", key="1", example=b"\x89PNGx")
    told = ada.get("/api/categories").json()
    assert told["guide"] == "# <b>Squares</b>"
    assert told["guide_html"] == "<h1>&lt;b&gt;Squares&lt;/b&gt;</h1>\n"
    circle = next(c for c in told["categories"] if c["name"] == "circle")
    assert (circle["colour"], circle["description"], circle["key"], circle["example"]) == (
        "#112233",
        "round",
        "1",
        True,
    )
    assert names(ada)["square"] == "2"
    picture = ada.get(f"/api/categories/{circle['category_id']}/example")
    assert (picture.content, picture.headers["content-type"]) == (b"\x89PNGx", "image/png")
    assert ada.get("/api/categories/1/example").status_code == 404


def test_a_lead_adds_one_that_can_be_used_at_once(office, ada, lea):
    office.ask(3)
    task = ada.post("/api/next").json()
    told = lea.post("/api/categories", json={"name": "circle", "key": "7"})
    assert told.status_code == 200
    number = next(c["category_id"] for c in told.json()["categories"] if c["name"] == "circle")
    masks = [mask | {"category_id": number} for mask in sent([square(3)])]
    assert ada.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, masks)).status_code == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"name": "a,b"}, "expected the name of one category"),
        ({"name": "Square"}, "there is a category 'square' already"),
        ({"name": "x" * 81}, "body.name"),
        ({"name": "x", "colour": "red"}, "body.colour"),
        ({"name": "x", "key": "x"}, "body.key"),
    ],
)
def test_what_cannot_be_added(lea, body, error):
    reply = lea.post("/api/categories", json=body)
    assert reply.status_code == 422
    assert error in reply.json()["error"]
    assert reply.json()["mend"]


def test_only_a_lead_adds_one(ada):
    assert ada.post("/api/categories", json={"name": "circle"}).status_code == 403
    assert "circle" not in names(ada)


def test_an_answer_in_hand_of_a_removed_category_is_told_and_kept(office, ada):
    office.ask(3)
    task = ada.post("/api/next").json()
    office.ledger.add_categories(["circle"])
    office.ledger.remove_category("square", "lea")
    office.app.state.label_cache.forget_categories()
    masks = sent([square(3)])
    reply = ada.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, masks))
    assert reply.status_code == 422
    assert "the category 'square' was removed: choose another one for object 1" in reply.json()["error"]
    draft = {"lease": task["lease"]["token"], "masks": masks, "seconds": 1.0}
    assert ada.put(f"/api/requests/{task['request_id']}/draft", json=draft).status_code == 200


def test_one_that_was_merged_meanwhile_is_taken_as_what_it_is_now(office, ada):
    office.ask(3)
    task = ada.post("/api/next").json()
    office.ledger.add_categories(["shape"])
    office.ledger.merge_category("square", "shape", "lea")
    office.app.state.label_cache.forget_categories()
    reply = ada.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, sent([square(3)])))
    assert reply.status_code == 200
    shape = office.ledger.add_categories([])["shape"]
    label = next(label for label in office.ledger.human_labels() if label.frame.frame_idx == 3)
    assert {mask.category_id for mask in label.masks} == {shape}


def test_a_video_has_its_own(office, ada):
    office.ledger.set_video_categories(1, ["circle"])
    office.ask(3)
    task = ada.post("/api/next").json()
    circle = next(c["category_id"] for c in task["categories"] if c["name"] == "circle")
    assert task["own_categories"] == [circle]
