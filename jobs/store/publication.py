"""How a finished snapshot comes into force, and what is known of one that never did.

The link that is to name it is made first, in tmp/, and moved into its place last. A snapshot that
a link in tmp/ names has never been in force: whoever was about to publish it died on the way.
"""

import logging
import os
from pathlib import Path
from threading import Thread

from queries import snapshot

_LOG = logging.getLogger(__name__)


def publish(store: Path, working: Path) -> None:
    """Put a finished snapshot in force. Raises OSError; then nothing has changed."""
    sync(working)
    working.chmod(0o444)
    link = store / "tmp" / snapshot.LINK
    link.symlink_to(Path("snapshots", working.name))
    sync(link.parent)
    published = store / "snapshots" / working.name
    working.rename(published)
    sync(published.parent)
    _replace(store, link)


def return_to(store: Path, published: Path) -> None:
    """Put an earlier snapshot in force again."""
    # Under a name of its own: what it names was in force before.
    link = store / "tmp" / "returning"
    link.symlink_to(Path("snapshots", published.name))
    _replace(store, link)


def unpublished(store: Path) -> str | None:
    """The name of the file in snapshots/ that was never in force, if a run left one."""
    name = _named_by(store / "tmp" / snapshot.LINK)
    return name if name != _named_by(store / snapshot.LINK) else None


def withdraw(store: Path) -> None:
    """Drop the snapshot that was never in force."""
    if name := unpublished(store):
        (store / "snapshots" / name).unlink(missing_ok=True)
        sync(store / "snapshots")


class WriteOut(Thread):
    """A file on its way to the disk: what it holds now goes there while it is worked on."""

    def __init__(self, path: Path) -> None:
        # What ends the run is not to wait for the disk.
        super().__init__(name="write-out", daemon=True)
        self._path = path
        self._error: OSError | None = None
        self.start()

    def run(self) -> None:
        """See Thread."""
        try:
            sync(self._path)
        except OSError as error:
            self._error = error

    def finish(self) -> None:
        """Wait for it. Raises OSError if it failed, which the system says only once."""
        self.join()
        if self._error:
            raise self._error


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(store: Path, link: Path) -> None:
    link.replace(store / snapshot.LINK)
    try:
        sync(store)
    except OSError as error:
        # Everybody sees it by now; only a power cut could take it back.
        _LOG.warning(
            "httpcodes: warning: it is in force, but whether the link is on disk is not certain: "
            "%s: %s", store, error.strerror,
        )  # fmt: skip


def _named_by(link: Path) -> str | None:
    try:
        return Path(os.readlink(link)).name
    except OSError:
        return None
