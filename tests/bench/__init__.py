"""Programs that measure, not tests: ``python -m tests.bench.FOLDER.NAME``, each with ``--help``.

``proofs`` compares propagators in pairs, ``accuracy`` scores masks and students, ``speed`` takes times, ``load``
attacks and kills the server, ``people`` counts what labelling costs a person.
"""
