"""Keys of JSON in SQL: how one is reached, and which an object has twice.

DuckDB takes the first of two, others the last; neither tells.
"""

from collections.abc import Sequence

from queries.quoting import literal

SIGN = "json_keys("
"""What a scan holds that looks for keys that stand twice."""


def twice(json: str, paths: Sequence[tuple[str, ...]], is_whole: str) -> tuple[str, str]:
    """Whether an object has a key twice on the way to a value: which is meant, nobody knows.

    Expressions: what has to be selected first, and over that the answer. `Status` and `status` are
    one name here as they are elsewhere. Where `is_whole`, all paths lead to a value.
    """
    levels: dict[tuple[str, ...], tuple[tuple[str, ...], set[str]]] = {}
    for keys in paths:
        folded = tuple(key.lower() for key in keys)
        for depth, key in enumerate(folded):
            _, names = levels.setdefault(folded[:depth], (keys[:depth], set()))
            names.add(key)
    there, answers = [], []
    for number, (above, names) in enumerate(levels.values()):
        wanted = ", ".join(map(literal, sorted(names)))
        there.append(
            f"list_filter({SIGN}{json}, {literal(path(above))}), "
            f"lambda key: lower(key) IN ({wanted})) AS keys{number}"
        )
        answers.append(_one_twice(f"keys{number}", len(names), is_whole))
    return ", ".join(there), " OR ".join(answers)


def _one_twice(keys: str, names: int, is_whole: str) -> str:
    # Where none lacks, it is enough to count them.
    return (
        f"CASE WHEN len({keys}) > {names} THEN true WHEN {is_whole} THEN false "
        f"ELSE list_unique(list_transform({keys}, lambda key: lower(key))) < len({keys}) END"
    )


def path(keys: Sequence[str]) -> str:
    """Where a value lies that is reached by these keys, as JSON's functions have it."""
    escaped = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
    return "$" + "".join(f'."{key}"' for key in escaped)
