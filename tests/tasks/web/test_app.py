import pytest

from tests.toys.web.desk import CHANGING
from tests.toys.web.trial import served_trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A served project that also has routes for tests."""
    with served_trial(tmp_path_factory.mktemp("app")) as trial:
        yield trial


def test_it_says_that_it_lives_and_which_one_it_is(trial):
    assert trial.client.get("/healthz").json() == {"status": "ok", "instance": trial.context.instance}
    assert trial.context.secret not in trial.client.get("/healthz").text


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/openapi.json", "/nix", "/static/../app.py", "/..%2f..%2fetc/passwd"]
)
def test_strangers_find_no_description_of_the_api(trial, path):
    answer = trial.client.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "mend"}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("UnknownName", 404),
        ("BadLabel", 422),
        ("BadVideo", 422),
        ("LedgerConflict", 409),
        ("LedgerBusy", 503),
        ("LedgerCorrupt", 503),
        ("NoSpace", 507),
        ("EmptyPool", 409),
    ],
)
def test_the_products_errors_are_answered_with_what_to_do(trial, name, status):
    answer = trial.client.get(f"/test/{name}")
    assert answer.status_code == status
    assert answer.json()["error"]
    assert answer.json()["mend"].endswith(".")


def test_a_refusal_keeps_what_else_it_says(trial):
    answer = trial.client.get("/test/ApiError")
    assert (answer.status_code, answer.json()) == (409, {"error": "stale", "mend": "load it again", "owner": "ann"})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"seconds": "soon"}', b'{"seconds": []}', b"[" * 100_000, b"\xff\xfe"])
def test_malformed_json_is_refused_and_named(trial, body):
    headers = CHANGING | {"Content-Type": "application/json"}
    answer = trial.client.post("/test/drawing", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error", "mend"}
