"""Shares of the requests: which of them are shown blind, or asked twice."""

import hashlib

from al_core.settings import Settings


def shown_blind(settings: Settings, request_id: str) -> bool:
    """Tell whether a request is shown without prelabels, to see whether people accept too much."""
    return is_sampled(settings.seed, f"blind {request_id}", settings.annotator.blind_share)


def is_sampled(seed: int, name: str, share: float) -> bool:
    """Tell whether a name belongs to a random sample: true for a share of all names, always the same ones."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
