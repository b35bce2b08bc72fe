"""Checks of a project before it runs: weak contracts, unused values, hidden inputs, unwritten steps.

`static` reads the design, `hard` calls written steps with generated rows.
Door: `static`, `hard`.
"""
