"""Cache keys: hashes of all that decides a step's result, so that a cached result is right.

`key` combines code, contracts, arguments, versions and inputs; `key_diff` compares the parts of two keys.
Door: `code_closure`, `key`, `key_diff`, `packages`.
"""
