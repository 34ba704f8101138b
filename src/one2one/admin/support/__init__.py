"""``one2one support``: what is needed to understand a problem, in one archive without secrets."""
