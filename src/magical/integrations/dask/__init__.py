"""Dask: the bodies of steps run on a local cluster, which lives as long as a run, or on one at an address.

A local cluster lives in a process of its own (`cluster_process`, `cluster_main`), which ends with the run,
however the run ends; `cluster_worker` runs in its workers.
Door: `cluster`.
"""
