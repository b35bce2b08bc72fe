"""What the command shows of runs, plans and models, as text.

`text` writes whole answers, `progress` one line for each step while a run goes on.
Door: `progress`, `text`.
"""
