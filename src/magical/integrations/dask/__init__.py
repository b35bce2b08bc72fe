"""Bodies of steps on a Dask cluster: one of this machine for the time of a run, or one at an address.

A cluster of this machine lives in a process of its own, which ends with the run however the run ends.
Door: `cluster`.
"""
