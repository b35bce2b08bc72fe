"""`magical reproduce`: run a recorded run again, and compare each result with its fingerprint.

A record is what `magical runs RUN --json` prints; it can be reproduced in another clone.
Door: `outcome`, `record`, `reproduce`.
"""
