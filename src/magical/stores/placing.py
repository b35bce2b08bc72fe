"""Find the place that a URL names, on any filesystem of fsspec or in a folder."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import fsspec

from magical.errors import StoreError, shorten
from magical.masking import hide, mask
from magical.stores.places import Place
from magical.stores.refusals import refusal
from magical.system.atomic_files import write_file

__all__ = ["FolderPlace", "place_at"]

_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"} | dict.fromkeys(
    ("abfs", "abfss", "az"), "adlfs"
)


class FolderPlace(Place):
    """Files in a folder of this machine, or of a disk that several share: synced and renamed."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        # A lease is worth nothing after a crash of the machine, so that it needs not be on the disk.
        durable = name.startswith(("objects/", "records/"))
        write_file(self._file(name), lambda part: _all(part, data), durable=durable)

    def upload(self, file: Path, name: str) -> None:
        """Copy a local file here, whole or not at all."""
        write_file(self._file(name), lambda part: _copy(file, part))

    def remove(self, *names: str) -> None:
        """Delete files; and the folder of a run's pins with the last of them."""
        super().remove(*names)
        for folder in {self._file(name).parent for name in names if name.startswith("pins/")}:
            with suppress(OSError):
                folder.rmdir()

    def _create(self, path: str, data: bytes) -> None:
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("xb")
        try:
            with stream:
                stream.write(data)
        except BaseException:  # on a full disk it would stay, empty, for a lease that nobody has
            file.unlink(missing_ok=True)
            raise

    def _file(self, name: str) -> Path:
        return Path(self.path(name))


def place_at(url: str) -> Place:
    """Give a place by its URL.

    Args:
        url: of any protocol of fsspec. What else its filesystem needs, such as an endpoint, comes from the
            configuration of fsspec, or from the variables that its package reads.

    Raises:
        StoreError: the protocol is unknown, or the package for it is not installed.

    Example:
        >>> place = place_at("memory://example")
        >>> place.write("a/b", b"1")
        >>> place.read("a/b"), place.read("a/c"), place.create("a/b", b"2"), place.below("a")
        (b'1', None, False, {'a/b': 1})
    """
    with suppress(ValueError):
        hide(urlsplit(url).password or "")
    protocol, _, rest = url.partition("://")
    if not rest or "::" in url:
        raise StoreError(f"{mask(url)} is no place for a store.", hint="such as s3://bucket/campaign.")
    if protocol in ("file", "local") and not rest.startswith("/"):
        raise StoreError(f"{url} is not a whole path.", hint=f"such as {protocol}:///mnt/team/campaign.")
    try:
        # What others write is to be seen at once.
        filesystem, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        package = _PACKAGES.get(protocol, "")
        hint = f"pip install {package}" if package else shorten(error, 160)
        raise StoreError(f"{mask(url)} needs a package that is not here.", hint=hint) from None
    except ValueError as error:
        hint = "s3, gs, abfs, file and many more are known to fsspec."
        raise StoreError(f"{mask(url)}: {shorten(error, 160)}.", hint=hint) from None
    except Exception as error:
        raise refusal(mask(url), error) from error
    kind = FolderPlace if protocol in ("file", "local") else Place
    return kind(url, filesystem, root)


def _all(part: Path, data: bytes) -> None:
    if part.write_bytes(data) != len(data):
        raise StoreError(f"{part} was not written whole.", hint="look at the disk's space.")


def _copy(file: Path, part: Path) -> None:
    shutil.copyfile(file, part)
