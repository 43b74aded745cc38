"""Whether this host keeps what is promised: one check for each thing, each a small file in ``checks``.

Nothing is written, and nothing is told in clear: evidence is pseudonyms and counts, so that a
report can be handed on.
"""
