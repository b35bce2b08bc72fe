"""Cache keys: all that decides a step's result, so that a cached result is right.

`key` combines code, contracts, arguments, versions and inputs; `key_diff` compares two keys part by part,
for `why`.
Door: `code_closure`, `key`, `key_diff`, `packages`.
"""
