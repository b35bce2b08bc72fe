"""The store on any filesystem of fsspec, shared by machines.

No kernel holds a lock there. Leases do: a live process renews its own, and others may take one that
expired.
Door: `store`.
"""
