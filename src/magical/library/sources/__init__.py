"""The kinds of sources that `ingest` reads, each in a module of its own, and the settings of a reading.

Door: `chunked_source`, `database`, `raw_table`, `reader`, `reading_settings`, `settled_reading`.
"""

from magical.library.sources.reading_settings import Reading

__all__ = ["Reading"]
