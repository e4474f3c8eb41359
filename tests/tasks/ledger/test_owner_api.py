"""Who shows the secret gets operations carried out, and nothing else."""

import httpx
import pytest

from tasks.ledger.codec import pack, unpack, unpack_error


def test_an_operation_is_carried_out_and_its_errors_are_answers(server):
    _, owner, _ = server
    headers = {"Authorization": f"Bearer {owner.secret}"}
    answer = httpx.post(f"{owner.url}/ledger/categories", content=pack({}), headers=headers)
    assert (answer.status_code, unpack(answer.content)[1]) == (200, "object")
    answer = httpx.post(f"{owner.url}/ledger/video", content=pack({"name": "clpi"}), headers=headers)
    assert answer.status_code == 409
    assert "unknown video 'clpi'" in str(unpack_error(answer.content))


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer wrong", "Basic é"])
def test_nobody_gets_in_without_the_secret(server, authorization):
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    answer = httpx.post(f"{server[1].url}/ledger/videos", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["mend"] == "Read owner.json in the project folder again."


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("drop_everything", b"", 404, "no operation 'drop_everything'"),
        ("_connector", b"", 404, "no operation"),
        ("held", b"", 404, "no operation"),
        ("videos", b"nonsense", 400, "no call of 'videos'"),
        ("videos", b"\x00\x00\x00\x0f[" + b"[" * 14, 400, "no call of 'videos'"),
    ],
)
def test_what_is_no_call_is_refused(server, path, body, status, error):
    headers = {"Authorization": f"Bearer {server[1].secret}"}
    answer = httpx.post(f"{server[1].url}/ledger/{path}", content=body, headers=headers)
    assert answer.status_code == status
    assert error in answer.json()["error"]
