"""A sample is asked for, and what people answer is read as what its units say."""

import numpy as np
import pytest

from al_core.audit.audit_records import Grade
from al_core.ledger.labelling.leases import Purpose
from al_core.records import LabelKind
from tasks.auditing.samples import answers_of, request_names
from tasks.certificates.delivered_population import population_of
from tests.toys.audits.answering import drawn, say
from tests.toys.labelled_project import HUMAN_FRAMES, copied, finished_project


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def audited(finished, tmp_path):
    """A project, its ledger, and a sample of its second round that is asked for."""
    project, ledger, _ = copied(finished, tmp_path)
    return project, ledger, drawn(project, ledger, blind=1)


def test_the_population_is_what_no_person_made(finished):
    project, ledger, _ = finished
    population = population_of(project, ledger, 2)
    human = set(HUMAN_FRAMES.values())
    assert set(population.frame_number.tolist()) == set(range(6)) - human
    assert population.frame_idx.tolist() == [1, 2, 4]
    assert population.provenance.tolist() == ["propagated", "teacher", "propagated"]
    assert population.confidence.tolist() == [0.75, 0.52, 0.75]


def test_the_population_of_a_delivery_stays_when_more_is_labelled(finished, tmp_path):
    project, ledger, _ = copied(finished, tmp_path)
    before = population_of(project, ledger, 1)
    assert set(before.frame_number.tolist()) == {1, 2, 3, 4, 5}
    assert before.digest == population_of(project, ledger, 1).digest


def test_each_judgement_and_each_blind_frame_is_a_request(audited):
    _, ledger, sample = audited
    asked = ledger.requests(purpose=Purpose.AUDIT)
    assert {r.request_id for r in asked} == set(request_names(sample).values())
    assert sorted(r.rank for r in asked) == list(range(len(asked)))
    kinds = [r.kind for r in asked]
    assert (kinds.count(LabelKind.MASK), kinds.count(LabelKind.ACCEPT)) == (1, len(asked) - 1)
    assert ledger.audit_samples(2) == [sample]


def test_answers_say_what_their_units_ask(audited):
    project, ledger, sample = audited
    (blind,) = sample.of(Grade.MEASURED)
    judged = sample.of(Grade.JUDGED)
    frames = sample.of(Grade.JUDGED, whole_frames=True)
    say(ledger, sample, blind)
    say(ledger, sample, judged[0], good=True)
    say(ledger, sample, judged[1], good=False)
    say(ledger, sample, frames[0], missing=2)
    found = answers_of(project, ledger, sample)
    assert (found[blind.key].j, found[blind.key].f) == (1.0, 1.0)
    assert [found[unit.key].good for unit in judged[:2]] == [True, False]
    assert found[frames[0].key].missed == 2
    assert {said.person for said in found.values()} == {"ann"}
    assert len(found) == 4


def test_what_is_drawn_elsewhere_measures_nothing_right(audited):
    project, ledger, sample = audited
    (blind,) = sample.of(Grade.MEASURED)
    elsewhere = np.zeros((24, 32), bool)
    elsewhere[:2, :2] = True
    say(ledger, sample, blind, mask=elsewhere)
    said = answers_of(project, ledger, sample)[blind.key]
    assert (said.j, said.f) == (0.0, 0.0)
