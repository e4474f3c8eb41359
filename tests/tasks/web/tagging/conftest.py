"""A project that is served, for the tagging view."""

import pytest

from tests.toys.web.label_page import waiting_round


@pytest.fixture
def ledger(tmp_path):
    """The ledger of a served project of one video of six frames, and its address."""
    with waiting_round(tmp_path, seen=True) as found:
        yield found
