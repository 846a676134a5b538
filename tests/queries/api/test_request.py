"""Each line of the decided checks, in their order; the first that fails is the answer."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from queries.api.errors import ApiError, Refusal
from queries.api.request import parse

GOOD = {
    "serviceNames": ["a.example"],
    "startTime": "2025-09-09T12:35:00Z",
    "endTime": "2025-09-09T12:45:00Z",
}


def refused(request: Any) -> ApiError:
    with pytest.raises(Refusal) as refusal:
        parse(request)
    return refusal.value.error


def but(**members: Any) -> dict[str, Any]:
    return {**GOOD, **members}


def without(member: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != member}


def test_a_good_request_is_parsed_from_bytes_text_and_members() -> None:
    for request in (GOOD, json.dumps(GOOD), json.dumps(GOOD).encode()):
        parsed = parse(request)
        assert parsed.service_names == ("a.example",)
        assert parsed.start == datetime(2025, 9, 9, 12, 35, tzinfo=UTC)
        assert parsed.end == datetime(2025, 9, 9, 12, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b"[]", b'"text"', b"null", b"1",
        b"\xff\xfe", b'\xef\xbb\xbf{"serviceNames": ["a"]}', "\ud800",
        b'{"x": NaN}', b'{"x": Infinity}', b'{"x": -Infinity}', b"{'x': 1}", b'{"x": 1,}',
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        json.dumps(but(filler="x" * (1 << 20))).encode(),
        json.dumps(but(filler="x" * (1 << 20))),
    ],
)  # fmt: skip
def test_what_is_no_json_object_of_at_most_one_mebibyte_is_a_bad_request(body: bytes | str) -> None:
    assert refused(body) is ApiError.BAD_REQUEST


def test_a_body_of_exactly_one_mebibyte_is_read() -> None:
    body = json.dumps(GOOD).encode()
    assert parse(body + b" " * ((1 << 20) - len(body)))
    assert refused(body + b" " * ((1 << 20) - len(body) + 1)) is ApiError.BAD_REQUEST


@pytest.mark.parametrize(
    "names",
    [
        None, [], "a.example", {}, 7, [None], [7], [["a"]], ["a.example", ""], ["a b"], ["a\tb"],
        ["a\x00"], ["\ud800"], ["a" * 254], ["a.example"] * 51,
    ],
)  # fmt: skip
def test_service_names_that_are_missing_or_impossible(names: Any) -> None:
    assert refused(but(serviceNames=names)) is ApiError.SERVICE_NAMES


def test_missing_service_names_come_before_every_flaw_of_the_times() -> None:
    assert refused({}) is ApiError.SERVICE_NAMES
    assert refused({"startTime": "nonsense"}) is ApiError.SERVICE_NAMES


def test_fifty_names_are_allowed_and_duplicates_are_counted_as_sent() -> None:
    fifty = [f"s{number}.example" for number in range(50)]
    assert parse(but(serviceNames=fifty)).service_names == tuple(fifty)
    assert refused(but(serviceNames=[*fifty, fifty[0]])) is ApiError.SERVICE_NAMES


def test_names_are_folded_and_a_name_given_twice_stands_once() -> None:
    names = ["B.example", "A.example:443", "b.example.", "a.EXAMPLE"]
    assert parse(but(serviceNames=names)).service_names == ("b.example", "a.example")


@pytest.mark.parametrize("member", ["startTime", "endTime"])
def test_a_time_that_is_missing_null_or_empty(member: str) -> None:
    assert refused(without(member)) is ApiError.TIME_MISSING
    assert refused(but(**{member: None})) is ApiError.TIME_MISSING
    assert refused(but(**{member: ""})) is ApiError.TIME_MISSING


def test_a_missing_time_comes_before_the_other_times_format() -> None:
    assert refused(but(startTime="nonsense", endTime=None)) is ApiError.TIME_MISSING


@pytest.mark.parametrize("member", ["startTime", "endTime"])
@pytest.mark.parametrize(
    "time",
    [
        0, False, [], {}, 1757421300, "2025-09-09", "2025-09-09T12:35Z", "2025-09-09 12:35:00Z",
        "2025-09-09T12:35:00", "2025-09-09T12:35:00z", "2025-09-09t12:35:00Z",
        "2025-09-09T12:35:00+00:00", "2025-09-09T12:35:00.000Z", "2025-09-09T24:00:00Z",
        "2025-09-09T12:35:60Z", "2025-09-09T12:60:00Z", "2025-02-30T00:00:00Z",
        "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "0000-01-01T00:00:00Z",
        "2025-9-09T12:35:00Z", " 2025-09-09T12:35:00Z", "2025-09-09T12:35:00Z\n",
        "٢٠٢٥-09-09T12:35:00Z", "+025-09-09T12:35:00Z",
    ],
)  # fmt: skip
def test_a_time_in_another_format_or_no_real_moment(member: str, time: Any) -> None:
    assert refused(but(**{member: time})) is ApiError.TIME_FORMAT


def test_the_end_must_be_later_than_the_start() -> None:
    assert refused(but(endTime=GOOD["startTime"])) is ApiError.END_BEFORE_START
    assert refused(but(endTime="2025-09-09T12:34:59Z")) is ApiError.END_BEFORE_START
    assert refused(but(endTime="2024-09-09T12:34:59Z")) is ApiError.END_BEFORE_START


def test_exactly_24_hours_are_allowed_and_a_second_more_is_not() -> None:
    assert parse(but(endTime="2025-09-10T12:35:00Z"))
    assert refused(but(endTime="2025-09-10T12:35:01Z")) is ApiError.RANGE_TOO_LONG


def test_members_that_the_document_does_not_name_are_ignored() -> None:
    assert parse(but(interval="5m", fillFixedTime=True)) == parse(GOOD)
    assert parse(json.dumps(GOOD)[:-1] + ', "huge": ' + "9" * 5000 + "}") == parse(GOOD)


def test_a_leap_day_is_a_real_day() -> None:
    leap = but(startTime="2024-02-29T23:59:59Z", endTime="2024-03-01T00:00:00Z")
    assert parse(leap).start == datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)


def test_error_bodies_are_those_of_the_document() -> None:
    assert {error.body.decode() for error in ApiError} == {
        '{"code":"Request.BadRequest","message":"Bad request."}',
        '{"code":"ServiceNames.Invalid","message":"Service Names is empty or invalid."}',
        '{"code":"Time.Invalid","message":"StartTime or EndTime is required."}',
        '{"code":"MinuteIntervalTimeFormat.Invalid",'
        "\"message\":\"StartTime or EndTime format in 'yyyy-MM-dd'T'HH:mm:ss'Z''.\"}",
        '{"code":"TimeRange.Exceeded",'
        '"message":"The difference between EndTime and StartTime cannot exceed 24 hours."}',
        '{"code":"TimeRange.EndBeforeStart","message":"End time must be later than start time."}',
        '{"code":"GetHttpCodes.OperationFailed","message":"Get Http Codes failed."}',
        '{"code":"Domain.NotFound","message":"Domain is not found."}',
    }
    assert {error.status for error in ApiError if error is not ApiError.UNKNOWN_DOMAIN} == {400}
    assert ApiError.UNKNOWN_DOMAIN.status == 404
