"""Contracts: what a table, a model or a value promises, and how a promise is validated.

Everything above reads contracts as data (`schema`, `promises`); only `contract` is written by authors.
Door: `contract`, `dtypes`, `model`, `promises`, `schema`, `table_digest`, `tables`, `validation`.
"""
