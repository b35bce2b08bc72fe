"""The store on any filesystem of fsspec, shared by machines.

It has no locks of a kernel but leases: files that a living process renews. After a minute without a change,
another process may take one over.
Door: `store`.
"""
