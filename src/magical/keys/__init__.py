"""Cache keys: hashes of all that decides a step's result, so that a cached result is right.

`key` combines code, contracts, arguments, versions and inputs; `key_diff` compares the parts of two keys.
`source_walk` reads the code of a step for what its key does not show, such as `state_uses`.
Door: `arguments`, `code_closure`, `key`, `key_diff`, `packages`, `source_index`, `source_walk`, `state_uses`.
"""
