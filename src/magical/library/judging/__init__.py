"""What a model is judged by beside its scores: slices, importance, dependence, curves and baselines.

The steps `evaluate`, `select` and `explain` call it; each module makes one of the tables that they keep.
Door: `baselines`, `candidate_scores`, `diagnostics`, `importance`, `paired_runs`,
`partial_dependence`, `replayed_rows`.
"""
