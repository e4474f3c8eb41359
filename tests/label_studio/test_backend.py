"""The back-end at a real Label Studio: the shared tests, and what is special about it."""

import json
from dataclasses import replace

import pytest

from al_core.errors import MissingDependency
from al_core.records import LabelKind, LabelRequest
from tests.label_studio.people import LabelStudioPeople
from tests.tasks.backends.conformance.suite import PeopleConformance, same
from tests.toys.ledgers import chosen
from tests.toys.masks import FULL, HOLED, OVER

pytestmark = pytest.mark.label_studio


@pytest.fixture
def people(tmp_path, server, token):
    return LabelStudioPeople(tmp_path, server)


class TestLabelStudio(PeopleConformance):
    @pytest.fixture
    def people(self, people):
        return people

    def test_seconds_raw_annotation_and_provenance_are_kept(self, people):
        backend = people.submit({people.ids[0]: people.label(8, {1: HOLED, 2: OVER})})
        people.draw(people.ids[0], {1: HOLED, 2: FULL, 3: OVER})
        (answer,) = backend.collect(people.ids)
        assert (answer.seconds, answer.annotator, answer.kind) == (12.5, "label_studio:1", LabelKind.MASK)
        kept = json.loads((people.project.root / f"label_studio/answers/{answer.answer_id}.json").read_text())
        assert kept["provenance"] == {"1": "accepted", "2": "corrected", "3": "new"}
        assert kept["annotation"]["result"] == people.task(people.ids[0])["annotations"][0]["result"]

    def test_skipped_is_not_answered(self, people):
        backend = people.submit()
        people.annotate(people.task(people.ids[0]), [], was_cancelled=True)
        people.draw(people.ids[1], {1: HOLED})
        people.annotate(people.task(people.ids[1]), [], was_cancelled=True)
        (answer,) = backend.collect(people.ids)
        assert answer.request_id == people.ids[1]
        assert len(answer.label.masks) == 1

    def test_the_masks_of_a_later_round_are_the_visible_ones_in_every_open_task(self, people):
        first = {people.ids[0]: people.label(8, {1: HOLED}), people.ids[1]: people.label(3, {1: OVER})}
        people.submit(first)
        people.draw(people.ids[0], {1: HOLED})
        request = LabelRequest.of(2, replace(chosen(10), rank=0))
        people.ledger.put_requests([request])
        people.backend().submit([request], {request.request_id: people.label(10, {1: FULL})})
        project = people.server.http.get(f"/api/projects/{people.number}/").json()
        assert project["model_version"] == "round 2"
        shown = {
            task["data"]["request_id"]: {p["model_version"]: p["result"] for p in task["predictions"]}
            for task in people.tasks()
        }
        assert set(shown[people.ids[0]]) == {"round 1"}
        assert shown[people.ids[1]]["round 1"] == shown[people.ids[1]]["round 2"]
        assert set(shown[request.request_id]) == {"round 2"}
        # What the server gives to the next person, in its order: the answered task is not among it.
        served = people.server.http.get(f"/api/projects/{people.number}/next").json()
        assert served["data"]["request_id"] == people.ids[1]
        assert [p["model_version"] for p in served["predictions"]] == ["round 2"]

    def test_a_new_category_appears_in_the_editor(self, people):
        people.submit()
        people.ledger.add_categories(["dog"])
        people.submit()
        config = people.server.http.get(f"/api/projects/{people.number}/").json()["label_config"]
        assert config.count('value="dog"') == 2
        assert people.sent() == people.ids

    def test_a_wrong_token_is_told(self, people, monkeypatch):
        monkeypatch.setenv("LABEL_STUDIO_TOKEN", "f" * 40)
        with pytest.raises(MissingDependency, match="refuses the token in LABEL_STUDIO_TOKEN"):
            people.submit()
        monkeypatch.delenv("LABEL_STUDIO_TOKEN")
        with pytest.raises(MissingDependency, match="does not hold a token"):
            people.submit()

    def test_a_personal_access_token_works_too(self, people, monkeypatch):
        made = people.server.http.post("/api/token/").json()["token"]
        monkeypatch.setenv("LABEL_STUDIO_TOKEN", made)
        backend = people.submit()
        people.draw(people.ids[0], {1: HOLED})
        people.take_in(backend)
        assert same(people.labels()[people.ids[0]], {1: HOLED})

    def test_the_server_comes_back_while_answers_are_waited_for(self, people):
        backend = people.submit()
        with people.down():
            assert backend.collect(people.ids) == []
            (message,) = backend.rejected()
            assert "does not answer" in message
            assert "fetched with the next call" in message
        people.draw(people.ids[0], {1: HOLED})
        assert len(people.backend().collect(people.ids)) == 1
