"""Text in which one name stands for two values: nobody knows which is meant, so neither counts."""

import json

import pytest
from conftest import Logs, Store

from jobs.rejects import rejects
from jobs.verify import verify

NOON = "2025-09-09T12:00:00Z"
A = "a.example"
SOUND = f'{{"timestamp":"{NOON}","host":"{A}","status":200,"agent":"\\u00e9 \\"status\\":1"}}'
OF_ONE = f'{{"agent":"x","agent":"y","timestamp":"{NOON}","host":"{A}","status":200}}'
DOUBLED = [
    f'{{"timestamp":"{NOON}","host":"{A}","status":200,"status":404}}',
    f'{{"status":500,"timestamp":"{NOON}","host":"{A}","Status":200}}',
    f'{{"timestamp":"{NOON}","host":"{A}","status":200,"st\\u0061tus":404}}',
    f'{{"timestamp":"{NOON}","host":"{A}","host":"b.example","status":200}}',
]


@pytest.mark.parametrize("kind", ["ndjson", "array", "concatenated"])
def test_a_line_that_names_a_key_twice_counts_nowhere(kind: str, logs: Logs, store: Store) -> None:
    """Beyond the lines by which the columns are told, and among them."""
    rows = [SOUND] * 220 + [OF_ONE, *DOUBLED]
    if kind == "ndjson":
        rows.insert(1, DOUBLED[0])
    between = {"ndjson": "\n", "array": ",\n", "concatenated": "\n "}[kind]
    text = between.join(row.replace("{", "{\n") if kind == "concatenated" else row for row in rows)
    (logs.folder / "a.log").write_text(f"[{text}]\n" if kind == "array" else text + "\n")
    assert store.run(str(logs.folder / "*.log")).outcome.quarantined == {}
    assert store.counts() == {(A, NOON, 200): 221}
    assert store.rejected() == {"line unreadable": len(rows) - 221}
    assert verify(store.folder, deep=True).findings == []
    (told,) = rejects(store.folder, None, 9)
    assert len(told.shown) == len(rows) - 221


def test_a_key_is_named_twice_at_any_level_on_the_way_to_a_value(logs: Logs, store: Store) -> None:
    way = {"time": NOON, "http": {"request": {"host": A}, "response": {"status": 200}}}
    sound = json.dumps(way)
    doubled = [
        sound.replace('"status": 200', '"status": 200, "STATUS": 404'),
        sound.replace('"response": {', '"response": {"x": 1}, "response": {'),
        sound.replace('"http": {', '"http": {"x": 1}, "http": {'),
    ]
    beside = sound.replace('"request": {', '"x": {"status": 1, "status": 2}, "request": {')
    lacking = sound.replace('"response"', '"other"')
    (logs.folder / "a.log").write_text("\n".join([sound, beside, *doubled, lacking, sound, ""]))
    maps = ["service=http.request.host", "timestamp=time", "status=http.response.status"]
    store.run(str(logs.folder / "*.log"), maps=maps)
    assert store.counts() == {(A, NOON, 200): 3}
    assert store.rejected() == {"line unreadable": 3, "status missing": 1}


def test_files_of_nothing_else_are_refused(logs: Logs, store: Store) -> None:
    header = "#Fields: date time sc-substatus cs-host sc-status"
    row = "2025-09-09 12:00:00 0 a.example 200"
    files = {
        "keys.log": "\n".join(DOUBLED[:1] * 3),
        "case.log": SOUND + "\n" + SOUND.replace('"status":200', '"Status":404'),
        "w3c.log": f"{header} SC-Status\n{row} 404\n",
        "later.log": f"{header}\n{row}\n{header} sc-status\n{row} 404\n",
        "table.log": f"timestamp,host,status,Status\n{NOON},{A},200,404\n",
    }
    for name, text in files.items():
        (logs.folder / name).write_text(f"{text}\n")
    refused = store.run(str(logs.folder / "*.log")).outcome.quarantined
    told = {path.rpartition("/")[2]: why for path, why in refused.items()}
    assert store.counts() == {}
    assert told.keys() == files.keys()
    assert told["case.log"].startswith('the columns "status" and "Status" are one name')
    twice = 'two of its columns are called "{}": it is not known which is meant'
    assert told["w3c.log"] == twice.format("SC-Status")
    assert told["later.log"] == twice.format("sc-status")
    assert told["keys.log"] == (
        "none of its 3 lines could be taken apart: it is no log of generic, or each names a "
        "column twice"
    )
