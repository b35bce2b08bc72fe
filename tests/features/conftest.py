"""What the tests of features share."""

from hypothesis import settings

settings.register_profile("magical", deadline=None)  # on a busy machine time says nothing
settings.load_profile("magical")
