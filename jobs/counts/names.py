"""Names move: one night is one change of what content lies where.

Before anything is counted, the contents that are known get the paths where they lie now, all at
once: rotated names, two that swap, three in a circle, and a batch that ends in between, come to
the same. Content that lies anywhere counts once, whoever has which name. Known content that was
moved over a path is no correction of it: what was counted from the path before stays, as of a
file that is gone.
"""

from collections.abc import Callable, Iterator, Sequence

from jobs.counts.contents import Content
from jobs.counts.ledger import Ledger
from jobs.logs.options import ReadingOptions
from jobs.logs.sources import SourceFile
from jobs.logs.storage import Storage
from jobs.store.revision import Revision
from queries.statements import statements

_SQL = statements(__name__)


def arrange(work: Revision, ledger: Ledger, contents: Sequence[Content]) -> None:
    """Bring the paths of known content up to what was found at all paths in doubt.

    The ledger has to have seen what the sources hold.
    """
    if contents:
        _meet(work, contents)
        _move(work, ledger)


def follow(
    work: Revision,
    ledger: Ledger,
    files: Sequence[SourceFile],
    options_of: Callable[[str], ReadingOptions],
) -> set[str]:
    """Let names move where nothing that is new is counted; the paths that known content left.

    Content is what it was counted as, whatever its new path or the options name.
    """
    ledger.see(files, lambda _: ReadingOptions())
    doubtful = set(ledger.doubtful())
    contents = list(
        _fingerprinted(ledger.storage, [f for f in files if f.path in doubtful], options_of)
    )
    if not contents:
        return set()
    _meet(work, contents)
    work.connection.execute(_SQL["as_counted"])
    return _move(work, ledger)


def keep_rotated(work: Revision, ledger: Ledger) -> int:
    """Keep what grown content was moved over; how many files that is.

    A log that grows before it is rotated is known content no more. Where what came to a path lies
    later than all that the path held, and holds every count of what went from another path in the
    same night, it goes on from there and corrects nothing here.
    """
    if not ledger.any_withdrawn():
        return 0
    moved = {
        "added": ledger.added,
        "withdrawn": ledger.withdrawn,
        "incoming": ledger.incoming,
    }
    rows = work.connection.execute(_SQL["rotated"].format_map(moved)).fetchall()
    ledger.restore([file for (file,) in rows])
    return len(rows)


def _fingerprinted(
    storage: Storage, files: Sequence[SourceFile], options_of: Callable[[str], ReadingOptions]
) -> Iterator[Content]:
    for file in files:
        try:
            yield Content(file, storage.fingerprint(file.path), options_of(file.path))
        except OSError:
            # What nobody can read moved nowhere that anybody knows of.
            continue


def _meet(work: Revision, contents: Sequence[Content]) -> None:
    work.connection.execute(
        _SQL["met"],
        {
            "paths": [content.file.path for content in contents],
            "fingerprints": [content.fingerprint for content in contents],
            "named_services": [content.named_service for content in contents],
            "sizes": [content.file.size for content in contents],
            "versions": [content.file.version for content in contents],
            "modified_us": [content.file.modified_us for content in contents],
        },
    )


def _move(work: Revision, ledger: Ledger) -> set[str]:
    connection = work.connection
    if connection.execute(_SQL["at_home"]).fetchall() == [(True,)]:
        return set()
    connection.execute(_SQL["adopt"].format(listed=ledger.listed))
    connection.execute(_SQL["judge"].format(decided=ledger.decided))
    vacated = {path for (path,) in connection.execute(_SQL["vacated"]).fetchall()}
    connection.begin()
    connection.execute(_SQL["arrange"])
    connection.commit()
    ledger.note_moves(vacated)
    return vacated
