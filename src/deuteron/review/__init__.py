"""The review: Bandit plugins that look for six faults of Python network code.

The rules and the analysis (:mod:`deuteron.review.module`) need nothing but ``ast``; Bandit walks
the files, reads ``# nosec`` and the settings, and other projects use it as they are used to.
"""
