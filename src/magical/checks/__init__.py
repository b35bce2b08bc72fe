"""Checks of a project before it runs: weak contracts, unused values, hidden inputs, unwritten steps.

`static` reads the design, `hard` calls written steps with generated rows. Findings about the drawn graph,
such as a step that reads the target, are in `magical.wiring`.
Door: `static`, `hard`.
"""
