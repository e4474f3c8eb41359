"""The back-ends that need nothing but a folder pass the shared tests; a real Label Studio does in
``tests/label_studio``."""

import pytest

from tests.tasks.backends.conformance.people import CvatPeople, InboxPeople, SimulatedPeople
from tests.tasks.backends.conformance.suite import BackendConformance, PeopleConformance
from tests.toys.masks import FULL


class TestSimulated(BackendConformance):
    @pytest.fixture
    def people(self, tmp_path):
        return SimulatedPeople(tmp_path)

    def test_the_same_answer_again(self, people):
        first = people.submit().collect(people.ids)
        assert [answer.request_id for answer in first] == people.ids
        assert people.backend().collect(people.ids) == first
        assert people.take_in(people.backend()) == 3
        assert people.take_in(people.backend()) == 0


class TestInbox(PeopleConformance):
    @pytest.fixture
    def people(self, tmp_path):
        return InboxPeople(tmp_path)


class TestCvat(PeopleConformance):
    @pytest.fixture
    def people(self, tmp_path):
        return CvatPeople(tmp_path)

    def test_frames_that_nobody_looked_at_are_no_answers(self, people):
        """CVAT exports all frames of a task: as they were sent, they wait."""
        backend = people.submit({people.ids[0]: people.label(8, {1: FULL})})
        people.drop((people.project.outbox / "round-0001/annotations.xml").read_bytes(), ".xml")
        assert backend.collect(people.ids) == []
        assert backend.rejected() == []
        assert [path.name for path in (people.project.inbox / "accepted").iterdir()] == ["answer-001.xml"]

    def test_the_other_frames_of_a_task_keep_waiting(self, people):
        backend = people.submit({people.ids[0]: people.label(8, {1: FULL})})
        people.accept(people.ids[0])
        assert [answer.request_id for answer in backend.collect(people.ids)] == [people.ids[0]]
