import re
from pathlib import Path
from urllib.parse import urljoin
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from al_core.ledger.labelling.people import Role
from tasks.web.api.api_description import calls, description
from tests.toys.web.desk import ADDRESS, CHANGING, answer, desk, sent, square


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with desk(tmp_path_factory.mktemp("api")) as found:
        yield found


@pytest.fixture(scope="module")
def document(office):
    return description(office.app)


@pytest.fixture(scope="module")
def ada(office):
    return office.person("ada")


def operations(document):
    return {(m.upper(), path): operation for path, ms in document["paths"].items() for m, operation in ms.items()}


def test_every_call_of_people_is_described_and_no_other(office, document):
    described = {path for _, path in operations(document)}
    assert {
        path for path in office.app.openapi()["paths"] if path.startswith(("/api/", "/enter", "/healthz"))
    } == described
    assert not [path for path in described if path.startswith(("/ledger", "/dashboard", "/static"))]


def test_each_call_says_what_it_does_and_what_a_refusal_means(document):
    for call in calls(document):
        assert call.summary.endswith("."), call.path
        assert not [code for code, meaning in call.answers if code >= "400" and not meaning.endswith(".")]
        codes = [code for code, _ in call.answers]
        assert ("401" in codes) == (call.path not in ("/api/leave", "/healthz"))
        assert "403" in codes or call.method == "GET"
        assert ("X-Fewframes" in [name for name, *_ in call.values]) == (call.method != "GET")


def test_the_page_asks_no_other_server(ada):
    page = ada.get("/api/docs")
    assert page.status_code == 200
    assert "POST /api/requests/{request_id}/submit" in page.text
    assert not re.findall(r"https?://|<script", page.text)
    addresses = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(addresses) >= 4
    for address in addresses:
        assert ada.get(urljoin("/api/docs", address)).status_code == 200, address


def test_the_document_is_served(ada, document):
    assert ada.get("/api/openapi.json").json() == document


def filled(path, **more):
    values = {
        "video_id": "1",
        "frame_idx": "1",
        "track_id": "1",
        "category_id": "1",
        "kind": "jpg",
        "request_id": "r1",
        "answer_id": str(uuid4()),
        "review_id": str(uuid4()),
    } | more
    return re.sub(r"{(\w+)}", lambda found: values[found[1]], path)


def test_every_call_answers_with_the_codes_that_are_described(office, document, ada):
    """Of people and strangers: good calls, calls about things that are not there, and malformed ones."""
    stranger = TestClient(office.app, base_url=ADDRESS, headers=CHANGING)
    lead, viewer = office.person("lea", Role.LEAD), office.person("vic", Role.VIEWER)
    missing = {"video_id": "99", "request_id": "r9999-v00001-f0000001"}
    answered = answer({"lease": {"token": "none"}, "base_revision": 0}, [])
    tracked = answered | {"frame_idx": 1, "direction": 1, "masks": sent([square(1)])}
    review = {"lease": "none", "review_id": str(uuid4()), "base_revision": 0, "seconds": 2.0, "note": "Look again."}
    note = {"note_id": str(uuid4()), "text": "Well done."}
    bodies = ({}, {"lease": "none"}, answered, tracked, review, note)
    for (method, path), operation in operations(document).items():
        if path in ("/api/leave", "/enter"):
            continue
        seen = set()
        asked = [({}, body) for body in bodies] if method != "GET" else [({}, None)]
        elsewhere = [(missing, body) for _, body in asked]
        wrong = {"video_id": "x", "answer_id": "x", "category_id": "x", "review_id": "x"}
        malformed = [(wrong, asked[0][1])]
        # Who may do nothing there is told so whatever the address says.
        for client in (stranger, viewer, ada, lead):
            for more, body in asked if client in (stranger, viewer) else asked + elsewhere + malformed:
                seen.add(str(client.request(method, filled(path, **more), json=body).status_code))
        if method != "GET":
            seen.add(str(ada.request(method, filled(path), json={}, headers={"X-Fewframes": "0"}).status_code))
        described = set(operation["responses"])
        assert seen <= described, path
        # What only happens between two people is tested where labels are.
        assert {code for code in described if "400" < code < "409"} <= seen, path


def test_signing_in_and_out_answers_with_the_codes_that_are_described(office, document):
    client = TestClient(office.app, base_url=ADDRESS)
    tokens = [office.ledger.add_annotator("cyd"), *["nonsense"] * 13]
    seen = {str(client.post("/enter", json={"token": given}, headers=CHANGING).status_code) for given in tokens}
    seen |= {str(client.post("/enter", json={}, headers=headers).status_code) for headers in (CHANGING, {})}
    assert seen == set(document["paths"]["/enter"]["post"]["responses"])
    seen = {str(client.post("/api/leave", headers=headers).status_code) for headers in (CHANGING, {})}
    assert seen == set(document["paths"]["/api/leave"]["post"]["responses"])


def test_answers_have_the_fields_that_are_described(office, document, ada):
    office.ask(3, 1)

    def example(method, path):
        return operations(document)[method, path]["responses"]["200"]["content"]["application/json"]["example"]

    task = ada.post("/api/next").json()
    shown = example("POST", "/api/next")
    assert task.keys() == shown.keys()
    for part in ("lease", "frame", "queue"):
        assert task[part].keys() == shown[part].keys()
    assert task["masks"][0].keys() == shown["masks"][0].keys()
    assert task["categories"][0].keys() == shown["categories"][0].keys()
    for path in ("/api/me", "/api/state", "/api/categories", "/api/upcoming"):
        assert ada.get(path).json().keys() == example("GET", path).keys()
    listed = ada.get("/api/objects/1").json()
    described = example("GET", "/api/objects/{video_id}")
    assert listed.keys() == described.keys()
    assert listed["objects"][0].keys() == described["objects"][0].keys()
    number = ada.post("/api/objects/1/number", json={"taken": []}).json()
    assert number.keys() == example("POST", "/api/objects/{video_id}/number").keys()
    assert ada.get("/api/masks/1/1").json().keys() == example("GET", "/api/masks/{video_id}/{frame_idx}").keys()

    request, described = f"/api/requests/{task['request_id']}", "/api/requests/{request_id}"
    token = {"lease": task["lease"]["token"]}
    clicks = {"clicks": [{"x": 3, "y": 3, "positive": True}]}
    for method, how, more in (
        ("POST", "renew", {}),
        ("PUT", "draft", {"masks": [], "seconds": 1.0}),
        ("POST", "refine", clicks),
        ("POST", "submit", answer(task, sent([square(3)]))),
    ):
        reply = ada.request(method, f"{request}/{how}", json=token | more)
        assert reply.status_code == 200, reply.text
        assert reply.json().keys() == example(method, f"{described}/{how}").keys()
    answered = ada.get("/api/answered").json()["frames"]
    assert answered[0].keys() == example("GET", "/api/answered")["frames"][0].keys()
    reopened = ada.post(f"{request}/reopen").json()
    assert reopened.keys() == example("POST", f"{described}/reopen").keys()
    again = ada.post(f"/api/answers/{reply.json()['answer_id']}/undo")
    assert again.json().keys() == example("POST", "/api/answers/{answer_id}/undo").keys()


def test_the_documented_program_labels_every_frame(tmp_path, capsys, monkeypatch):
    import httpx

    page = Path(__file__).resolve().parents[4] / "docs" / "http-api.md"
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setattr(httpx, "Client", lambda **asked: TestClient(office.app, **asked))
    with desk(tmp_path) as office:
        office.ask(0, 2, 4)
        exec(program, {"URL": ADDRESS, "TOKEN": office.ledger.add_annotator("robot")})
    told = capsys.readouterr().out.splitlines()
    assert told == [f"clip {frame} revision 1" for frame in (0, 2, 4)]
