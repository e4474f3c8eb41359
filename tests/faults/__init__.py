"""Faults that are injected on purpose: what is acknowledged must survive each, and the message must say what happened.

    python -m tests.faults --minutes 20 --seed 0

A family is one kind of fault; an injection is one fault of it, drawn at random, with everything that is checked after
it. ``framework.py`` says what both are, ``campaign.py`` what a project must look like afterwards, ``children.py`` how a
process is killed at a chosen moment.
"""
