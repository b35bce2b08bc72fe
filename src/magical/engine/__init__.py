"""From a graph to artifacts: keys, plan, run, journal, and the ports that adapters fill."""
