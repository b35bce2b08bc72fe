"""Who hears what a run tells."""
