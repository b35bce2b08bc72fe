"""What a project can be told before it runs: what is weak, unused, unwritten or unseen in its design."""
