"""Which campaigns are audited, how much is asked, and what that costs."""

import pytest

from al_core.campaign.audited import AuditSize, full_size, further_down, is_audited, most_assured, size_of, value_needed
from al_core.settings import Settings

FEW = Settings().changed({"audit.judged": 10, "audit.blind": 2, "audit.frames": 5})


def test_only_people_at_our_page_are_asked_by_default():
    assert is_audited(Settings())
    for changed in ({"annotator.backend": "inbox"}, {"annotator.backend": "simulated"}):
        assert not is_audited(Settings().changed(changed))
    assert is_audited(Settings().changed({"annotator.backend": "simulated", "audit.simulated": True}))
    assert not is_audited(Settings().changed({"audit.judged": 0, "audit.blind": 0, "audit.frames": 0}))


def test_the_seconds_are_told_beforehand():
    full = full_size(FEW)
    assert full.seconds(FEW) == 12 * 3 + 5 * 4 + 2 * 80
    assert full.seconds(FEW, n_objects=2) == 12 * 3 + 5 * 4 + 2 * 160
    assert AuditSize().seconds(FEW) == 0


def test_a_delivery_that_counts_is_asked_about_in_full():
    assert size_of(FEW, 0.0, counts=True) == full_size(FEW)
    assert not size_of(FEW.changed({"annotator.backend": "inbox"}), 1e6, counts=True)


@pytest.mark.parametrize("seconds", [100, 300, 640, 2000, 4600, 10_000])
@pytest.mark.parametrize("objects", [1, 2.5])
def test_others_cost_at_most_their_share_of_the_labels(seconds, objects):
    settings = Settings()
    size = size_of(settings, seconds, objects)
    assert size.seconds(settings, objects) <= 0.2 * seconds
    assert size.judged == 0 or size.judged >= 5


def test_a_round_of_little_work_is_not_audited_and_one_of_much_in_full():
    assert not size_of(Settings(), 160.0)
    assert size_of(Settings(), 640.0) == AuditSize(8, 1, 2)
    assert size_of(Settings(), 1e5) == full_size(Settings())
    assert not size_of(Settings().changed({"audit.share": 0.0}), 1e5)


def test_what_is_known_already_is_not_asked_again():
    assert size_of(Settings(), 640.0, known=AuditSize(8, 1, 2)) == AuditSize(16, 2, 4)
    assert size_of(Settings(), 640.0, known=AuditSize(58, 8, 20)) == full_size(Settings())


def test_where_rounds_certify_as_many_masks_are_judged_as_that_takes():
    settings = Settings().changed({"certificates.automatic": True})
    assert full_size(settings) == AuditSize(160, 8, 20)
    assert full_size(settings.changed({"audit.judged": 200})).judged == 200


def test_what_an_audit_can_assure_at_most():
    settings = Settings()
    assert most_assured(settings) == pytest.approx(0.025 ** (1 / 60))
    assert most_assured(settings, 60) == 1
    assert 0.94 < most_assured(settings, 200) < 0.96
    assert most_assured(settings.changed({"stopping.target_metric": "j"})) == pytest.approx(0.025 ** (1 / 8))
    assert most_assured(settings.changed({"stopping.target_confidence": 0.999})) < most_assured(settings)
    assert most_assured(settings.changed({"annotator.backend": "inbox"})) == 0
    assert further_down(0.5) == further_down(0.95) == 1


def test_more_than_the_target_is_needed_to_assure_it():
    settings = Settings().changed({"stopping.target_quality": 0.8})
    # 55 of 60 are .917, whose interval begins at .816; 54 are .9, from .795 on.
    assert 0.9 < value_needed(settings) < 0.917
    assert 0.8 < value_needed(settings, 120) < value_needed(settings)
    assert value_needed(settings.changed({"stopping.target_quality": 0.99})) == pytest.approx(1, abs=0.01)
