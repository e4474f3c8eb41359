import logging
from http import HTTPStatus

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

from al_core import errors
from tasks.web.error_responses import STATUSES, ApiError, add_error_handlers

OWN = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.FewframesError)]


def made(cls):
    """An error of a class."""
    return cls("video", "clpi", ["clip"]) if cls is errors.UnknownName else cls("it happened")


@pytest.fixture
def answer_to():
    """Returns what is answered when a route raises an error."""

    def ask(error, **headers):
        app = FastAPI()
        add_error_handlers(app)

        @app.get("/")
        def fail(n: int = 0):
            raise error

        return TestClient(app).get("/", headers=headers)

    return ask


def test_who_opens_an_address_in_a_browser_reads_a_page():
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/dashboard/videos")
    def fail():
        raise ApiError(403, "this is for <you>", "Ask the lead.")

    client, browser = TestClient(app), {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = client.get("/dashboard/videos", headers=browser)
    assert page.status_code == 403
    assert "<h1>This is for &lt;you&gt;.</h1><p>Ask the lead.</p>" in page.text
    assert 'href="../"' in page.text
    assert "Check the address." in client.get("/nowhere", headers=browser).text
    assert client.get("/dashboard/videos").json() == {"error": "this is for <you>", "mend": "Ask the lead."}


@pytest.mark.parametrize("cls", OWN)
def test_every_error_of_the_product_has_a_status_and_says_what_to_do(cls, answer_to):
    assert cls in STATUSES, f"{cls.__name__} has no entry in STATUSES"
    answer = answer_to(made(cls))
    assert answer.status_code == STATUSES[cls][0]
    assert answer.json()["error"] == str(made(cls))
    assert answer.json()["mend"]


def test_the_page_of_an_error_speaks_the_language_of_its_browser(answer_to):
    german = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "de"}
    page = answer_to(ApiError(401, "nobody is signed in here", "Ask the lead."), **german)
    assert page.headers["Content-Language"] == "de"
    for text in (
        '<html lang="de">',
        "<h1>Hier ist niemand angemeldet.</h1>",
        "Fragen Sie die Leitung.",
        "Die erste Seite",
    ):
        assert text in page.text
    assert "Versuchen Sie es gleich noch einmal." in answer_to(errors.LedgerBusy("it waits"), **german).text
    english = answer_to(ApiError(401, "nobody is signed in here", "Ask the lead."), Accept="text/html")
    assert '<html lang="en">' in english.text
    assert "<h1>Nobody is signed in here.</h1>" in english.text
    assert "known: clip.</h1>" in answer_to(errors.UnknownName("video", "x", ["clip"]), Accept="text/html").text


@pytest.mark.parametrize(
    ("cls", "status"),
    [
        (errors.DamagedFile, 500),
        (errors.NotReady, 404),
        (errors.RunLocked, 409),
        (errors.LedgerBusy, 503),
        (errors.StaleLease, 409),
        (errors.BadLabel, 422),
        (errors.NoSpace, 507),
    ],
)
def test_the_status_says_who_has_to_act(cls, status):
    assert STATUSES[cls][0] == status


def test_a_damaged_file_is_told_to_the_operator_and_stands_in_the_log(answer_to, caplog):
    with caplog.at_level(logging.ERROR):
        answer = answer_to(errors.DamagedFile("delivered/3.parquet: there is no file"))
    assert "fewframes run" in answer.json()["mend"]
    assert caplog.messages == ["DamagedFile: delivered/3.parquet: there is no file"]


def test_a_mistake_of_a_person_is_not_logged_as_an_error(answer_to, caplog):
    with caplog.at_level(logging.ERROR):
        answer_to(errors.BadLabel("two masks of track 1"))
    assert caplog.messages == []


def test_a_class_of_another_package_is_answered_as_its_parent(answer_to):
    class Foreign(errors.LedgerBusy):
        pass

    assert answer_to(Foreign("busy")).status_code == HTTPStatus.SERVICE_UNAVAILABLE


def test_whoever_lost_a_frame_learns_who_has_it(answer_to):
    assert answer_to(errors.StaleLease("ann has it", "ann")).json()["owner"] == "ann"


def test_refusals_of_routes_keep_their_words_and_entries(answer_to):
    answer = answer_to(ApiError(409, "stale", "load it again", rank=3))
    assert (answer.status_code, answer.json()) == (409, {"error": "stale", "mend": "load it again", "rank": 3})


@pytest.mark.parametrize("status", [401, 403, 404, 405, 413, 418])
def test_refusals_of_the_framework_have_the_same_form(answer_to, status):
    answer = answer_to(HTTPException(status, "no"))
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "mend"}


def test_a_malformed_call_names_the_field():
    app = FastAPI()
    add_error_handlers(app)
    app.add_api_route("/", lambda n: n, methods=["GET"])
    answer = TestClient(app).get("/")
    assert answer.status_code == 422
    assert answer.json() == {"error": "query.n: Field required", "mend": "Correct that field."}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("/srv/foot age/ü/dog.mp4: was changed since", "dog.mp4: was changed since"),
        ("/srv/cat/1.png: cannot be read, unlike '/srv/cat/2.png'", "1.png: cannot be read, unlike '2.png'"),
        ("/srv/ledger.duckdb is in use by run (/bin/x); waited", "ledger.duckdb is in use by run (x); waited"),
        ("'a': there is no file /srv/p/a.npz, see 3/4 of p/a", "'a': there is no file a.npz, see 3/4 of p/a"),
        ("http://127.0.0.1:80/api/me answers nothing", "http://127.0.0.1:80/api/me answers nothing"),
        ("expected and/or: / 3", "expected and/or: / 3"),
    ],
)
def test_strangers_do_not_read_where_files_lie_on_the_server(answer_to, error, told):
    assert answer_to(errors.BadVideo(error)).json()["error"] == told
