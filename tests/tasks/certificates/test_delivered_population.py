"""What is audited: the machine's masks of a delivery, and the frames that nobody labelled."""

from dataclasses import replace

import pytest

from al_core.errors import NotReady
from tasks.certificates.delivered_population import population_of, seed_of_draws
from tests.toys.audits.audited_project import N_FRAMES, confidence_of
from tests.toys.audits.deliveries import certificate
from tests.toys.labelled_project import new_project


def test_masks_of_people_and_their_frames_are_left_out(audited):
    population = population_of(*audited[:2])
    assert len(population) == population.n_frames == 2 * (N_FRAMES - 1)
    assert 0 not in population.frame_idx
    assert 0 not in population.frame_number
    assert population.confidence[population.frame_idx == 7] == pytest.approx(confidence_of(7))
    assert set(population.provenance) == {"propagated"}
    assert population.most_objects == 1


def test_without_a_delivery_it_says_what_to_do(tmp_path):
    project, ledger, _ = new_project(tmp_path)
    with pytest.raises(NotReady, match="run one first"):
        population_of(project, ledger)
    with pytest.raises(NotReady, match="round 3 delivered no masks"):
        population_of(project, ledger, 3)


def test_draws_follow_from_another_number_once_a_certificate_froze_masks(tmp_path):
    _, ledger, _ = new_project(tmp_path)
    assert seed_of_draws(ledger, 7) == 7
    ledger.put_certificate(replace(certificate(1), accepted=()))
    assert seed_of_draws(ledger, 7) == 7
    ledger.put_certificate(certificate(2))
    assert seed_of_draws(ledger, 7) not in (7, 8)
