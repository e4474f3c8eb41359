"""Which campaigns are audited, and what that costs."""

from al_core.campaign.audited import audit_seconds, is_audited
from al_core.settings import Settings


def test_only_people_at_our_page_are_asked_by_default():
    assert is_audited(Settings())
    for changed in ({"annotator.backend": "inbox"}, {"annotator.backend": "simulated"}):
        assert not is_audited(Settings().changed(changed))
    assert is_audited(Settings().changed({"annotator.backend": "simulated", "audit.simulated": True}))
    assert not is_audited(Settings().changed({"audit.judged": 0, "audit.blind": 0, "audit.frames": 0}))


def test_the_seconds_are_told_beforehand():
    few = Settings().changed({"audit.judged": 10, "audit.blind": 2, "audit.frames": 5})
    assert audit_seconds(few) == 12 * 3 + 5 * 4 + 2 * 80
    assert audit_seconds(few, n_objects=2) == 12 * 3 + 5 * 4 + 2 * 160
    assert audit_seconds(Settings().changed({"annotator.backend": "inbox"})) == 0
