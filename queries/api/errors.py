"""The documented errors: status, code and message, to the letter.

Source: the table "Status Codes, Error Codes and Error Messages" of the documented API,
`POST /cdn/v1.0/analytics/httpCodes`.
"""

import json
from enum import Enum

from queries.failures import ANSWERED_WITH_AN_ERROR, Failure


class ApiError(Enum):
    """One line of the document's table: HTTP status, error code, error message."""

    BAD_REQUEST = 400, "Request.BadRequest", "Bad request."
    SERVICE_NAMES = 400, "ServiceNames.Invalid", "Service Names is empty or invalid."
    TIME_MISSING = 400, "Time.Invalid", "StartTime or EndTime is required."
    TIME_FORMAT = (
        400,
        "MinuteIntervalTimeFormat.Invalid",
        "StartTime or EndTime format in 'yyyy-MM-dd'T'HH:mm:ss'Z''.",
    )
    RANGE_TOO_LONG = (
        400,
        "TimeRange.Exceeded",
        "The difference between EndTime and StartTime cannot exceed 24 hours.",
    )
    END_BEFORE_START = (
        400,
        "TimeRange.EndBeforeStart",
        "End time must be later than start time.",
    )
    OPERATION_FAILED = 400, "GetHttpCodes.OperationFailed", "Get Http Codes failed."
    UNKNOWN_DOMAIN = 404, "Domain.NotFound", "Domain is not found."

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def body(self) -> bytes:
        """The body of the error, as UTF-8 JSON."""
        _, code, message = self.value
        return json.dumps({"code": code, "message": message}, separators=(",", ":")).encode()


class Refusal(Failure):
    """A request that is answered with a documented error; `error` says which."""

    exit_code = ANSWERED_WITH_AN_ERROR

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.value[1])
        self.error = error
