"""Proposals before anybody has labelled: found in the background or on demand, and shown to people."""
