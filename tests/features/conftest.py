"""Settings of hypothesis for the tests of features."""

from hypothesis import settings

settings.register_profile("magical", deadline=None)  # on a busy machine time says nothing
settings.load_profile("magical")
