import os
from dataclasses import replace
from typing import get_type_hints

import httpx
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from al_core.errors import BadLabel, LedgerBusy, LedgerConflict, UnknownName
from al_core.ledger.forwarding import OPERATIONS, READS, ForwardedLedger
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import LabelRequest
from tasks.ledger.remote import RemoteLedger
from tests.tasks.ledger.wire_values import same, values
from tests.toys.ledgers import chosen, clip, frame_rows, mask_answer, times_us
from tests.toys.operations import reading
from tests.toys.web.serving import served


class Echo(ForwardedLedger):
    """Notes what it was asked, and answers what it was told to."""

    def __init__(self):
        self.asked = None
        self.answer = None

    def forward(self, name, arguments):
        self.asked = (name, arguments)
        return self.answer


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """A ledger that notes what reaches it, and the remote side of it, with a real server in between."""
    project, ledger = Project.at(tmp_path_factory.mktemp("echo")), Echo()
    with served(project, ledger=ledger) as (_, owner):
        yield ledger, RemoteLedger(owner, project.ledger_path)


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_an_operation_takes_and_returns_travels(echo, name):
    ledger, remote = echo
    hints = get_type_hints(OPERATIONS[name])
    returned = hints.pop("return")

    @settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.generate])
    @given(values(returned), st.fixed_dictionaries({key: values(hint) for key, hint in hints.items()}))
    def check(answer, arguments):
        ledger.answer = answer
        assert same(getattr(remote, name)(**arguments), answer)
        assert same(ledger.asked, (name, {key: arguments[key] for key in hints}))

    check()


@pytest.mark.parametrize("name", sorted(READS))
def test_what_is_read_remotely_is_what_is_read_here(server, remote, name):
    context, _, found = server
    arguments = reading(found)[name]
    assert same(getattr(remote, name)(**arguments), getattr(context.ledger, name)(**arguments))


def test_it_is_written_here_what_is_written_remotely(server, remote):
    stored = remote.add_video(clip("other"), times_us())
    assert stored in server[0].ledger.videos()
    assert server[0].ledger.frame_times_us(stored.video_id).tolist() == times_us().tolist()
    remote.put_predictions(1, stored.video_id, frame_rows([0.1, 0.9]), "b.parquet")
    assert np.allclose(server[0].ledger.predictions(1, stored.video_id)["uncertainty"], [0.1, 0.9])
    assert remote.add_categories(name for name in ("car", "dog"))["dog"] in remote.categories()


def test_errors_come_back_as_they_are(remote):
    with pytest.raises(UnknownName, match="unknown video 'clpi'; known: aside, clip.* Did you mean 'clip'"):
        remote.video("clpi")
    with pytest.raises(BadLabel, match="no request"):
        remote.put_answer(mask_answer(LabelRequest.of(9, chosen(3)), "a9"))
    with pytest.raises(LedgerConflict, match="was not started"):
        remote.finish_step(1, "dance", {}, 1.0)


def test_a_wrong_call_fails_here_and_a_bug_of_the_server_is_told(echo, remote):
    with pytest.raises(TypeError, match="nmae"):
        remote.video("clip", nmae="clip")
    ledger, broken = echo
    ledger.answer = object()
    with pytest.raises(RuntimeError, match="could not do video_lengths: TypeError: object cannot travel"):
        broken.video_lengths()


def test_there_is_nothing_to_hold(remote):
    with remote.held():
        assert remote.categories()


def nobody_there(owner):
    """The same owner at a port where nobody listens."""
    return replace(owner, url="http://127.0.0.1:9")


@pytest.mark.parametrize("call", [lambda r: r.videos(), lambda r: r.add_categories(["x"])])
def test_an_owner_that_is_gone_is_named_and_asking_again_is_safe(server, call):
    with pytest.raises(LedgerBusy, match=rf"process {os.getpid()}, http://127.0.0.1:9.*does not answer"):
        call(RemoteLedger(nobody_there(server[1]), server[0].ledger.path))


def test_an_owner_with_another_secret_is_another_one(server):
    context, owner, _ = server
    other = replace(owner, secret="older")
    with pytest.raises(LedgerBusy, match="another one by now"):
        RemoteLedger(other, context.ledger.path).videos()


def test_a_handle_that_nobody_has_any_more_leaves_no_connection(server):
    context, owner, _ = server
    handle = RemoteLedger(owner, context.ledger.path)
    handle.videos()
    connections = handle._client
    del handle
    assert connections.is_closed


class Hangup(httpx.BaseTransport):
    """A line that breaks after the call went out."""

    def handle_request(self, request):
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")


def test_a_line_that_breaks_in_the_middle(remote):
    remote._client = httpx.Client(base_url="http://there", transport=Hangup())
    with pytest.raises(LedgerBusy):
        remote.videos()
    with pytest.raises(LedgerConflict, match="whether that was stored is not known. Give the same command again") as e:
        remote.add_categories(["x"])
    assert not isinstance(e.value, LedgerBusy)


def test_a_new_group_of_operations_is_remote_without_more_code():
    assert all(getattr(RemoteLedger, name) is not getattr(Ledger, name) for name in OPERATIONS)
    assert set(OPERATIONS) == {
        name
        for name in dir(Ledger)
        if not name.startswith("_") and name not in ("held", "is_at_hand", "lingering", "owned")
    }
