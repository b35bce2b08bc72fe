"""What can be said of a project before it runs: weak, unused, hidden and unwritten parts of its design.

`static` reads the design, `hard` calls written steps with generated rows.
Door: `static`, `hard`.
"""
