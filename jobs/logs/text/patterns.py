"""Lines that servers write: named patterns, whose groups are columns.

A pattern is a regular expression of RE2 in which every group has a name. In those built in, what
stands behind the status may be missing: a line that was cut there is a request all the same.
"""

import re
from collections.abc import Mapping, Sequence

from queries.failures import Misused

_QUOTED = r'(?:[^"\\]|\\.)*'
# Names of nginx's variables, for Apache writes the same lines.
_REQUEST = (
    r" \S+ (?P<remote_user>.*?) \[(?P<time_local>[^\[\]]+)\] "
    rf'"(?P<request>{_QUOTED})" (?P<status>\d{{3}}|-) (?P<body_bytes_sent>\d+|-)'
    rf'(?: "(?P<http_referer>{_QUOTED})" "(?P<http_user_agent>{_QUOTED})")?'
)

BUILT_IN: Mapping[str, str] = {
    "vhost_combined": r"^(?P<server_name>[^\s\[]\S*) (?P<remote_addr>[^\s-]\S*)" + _REQUEST,
    "combined": r"^\[?(?P<remote_addr>[^\s\]]+)\]?" + _REQUEST,
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
    # with Athena's names. Older lines end before domain_name, or earlier.
    "alb": (
        r"^(?P<type>https?|h2|grpcs|wss?) (?P<time>\S+) (?P<elb>\S+) "
        r"(?P<client_ip>\S+):(?P<client_port>\d+) (?P<target_ip>\S+?)(?::(?P<target_port>\d+))? "
        r"(?P<request_processing_time>\S+) (?P<target_processing_time>\S+) "
        r"(?P<response_processing_time>\S+) (?P<elb_status_code>\d{3}|-) "
        r"(?P<target_status_code>\S+) (?P<received_bytes>\S+) (?P<sent_bytes>\S+) "
        r'"(?P<request_verb>[^ "]*) (?P<request_url>[^"]*?) ?(?P<request_proto>- |[^ "]*)" '
        rf'"(?P<user_agent>{_QUOTED})"(?: (?P<ssl_cipher>\S+) (?P<ssl_protocol>\S+)'
        r'(?: (?P<target_group_arn>\S+)(?: "(?P<trace_id>[^"]*)"'
        r'(?: "(?P<domain_name>[^"]*)" "(?P<chosen_cert_arn>[^"]*)")?)?)?)?'
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html, with Athena's names.
    "s3": (
        r"^(?P<bucketowner>\S+) (?P<bucket_name>\S+) \[(?P<requestdatetime>[^\]]+)\] "
        r"(?P<remoteip>\S+) (?P<requester>\S+) (?P<requestid>\S+) (?P<operation>[A-Z0-9.]\S*) "
        r'(?P<key>\S+) (?P<request_uri>"[^"]*"|-) (?P<httpstatus>\d{3}|-) (?P<errorcode>\S+) '
        r"(?P<bytessent>\S+) (?P<objectsize>\S+) (?P<totaltime>\S+) (?P<turnaroundtime>\S+) "
        rf'"?(?P<referrer>{_QUOTED})"? (?:"(?P<useragent>{_QUOTED})"|-) (?P<versionid>\S+)'
        r"(?: (?P<hostid>\S+) (?P<sigv>\S+) (?P<ciphersuite>\S+) (?P<authtype>\S+) "
        r"(?P<endpoint>\S+)(?: (?P<tlsversion>\S+))?)?"
    ),
    # https://docs.haproxy.org/3.0/configuration.html#8.2.3, with or without what syslog writes.
    "haproxy": (
        r"^(?:.*?haproxy\[\d+\]: )?(?P<client_ip>[0-9A-Fa-f.:]+):(?P<client_port>\d+) "
        r"\[(?P<accept_date>\d\d/\w{3}/\d{4}:[^\]]+)\] (?P<frontend_name>[^\s~]+)~? "
        r"(?P<backend_name>[^\s/]+)/(?P<server_name>\S+) "
        r"(?P<time_request>-?\d+)/(?P<time_queue>-?\d+)/(?P<time_connect>-?\d+)/"
        r"(?P<time_response>-?\d+)/\+?(?P<total_time>\d+) (?P<http_status_code>-?\d+) "
        r"\+?(?P<bytes_read>\d+) \S+ \S+ (?P<termination_state>\S{4}) \S+ \S+ "
        r"(?:\{(?P<captured_request_headers>[^}]*)\} )?(?:\{[^}]*\} )?"
        r'"(?P<http_request>.*)'
    ),
    # https://nginxproxymanager.com: /data/logs/proxy-host-*_access.log
    "npm": (
        r"^\[(?P<time_local>[^\]]+)\] (?P<upstream_cache_status>\S+) (?P<upstream_status>\S+) "
        r"(?P<status>\d{3}|-) - (?P<request_method>\S+) (?P<scheme>\S+) (?P<host>\S+) "
        rf'"(?P<request_uri>{_QUOTED})" \[Client (?P<remote_addr>[^\]]*)\] '
        r"\[Length (?P<body_bytes_sent>[^\]]*)\](?: \[Gzip [^\]]*\])?"
        r"(?: \[Sent-to (?P<upstream_addr>[^\]]*)\])?"
        rf'(?: "(?P<http_user_agent>{_QUOTED})" "(?P<http_referer>{_QUOTED})")?'
    ),
}
"""By name, the nearest first: a line of two of them is of the former."""


class BadPattern(Misused):
    """A pattern that can't take lines apart; the message says what is accepted."""


def columns(pattern: str) -> list[str]:
    """The names of the groups, in order. Raises BadPattern."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise BadPattern(f"the pattern {pattern!r} is no regular expression: {error}") from error
    if not compiled.groups or compiled.groups != len(compiled.groupindex):
        raise BadPattern(
            f"the pattern {pattern!r} needs a name for each of its groups, as in "
            r"'(?P<status>\d{3})'; groups without a meaning are written (?:…)"
        )
    return list(compiled.groupindex)


def of_groups(pattern: str, wanted: Sequence[str]) -> str:
    """The pattern in which these groups alone are groups, without names."""

    def renamed(group: re.Match[str]) -> str:
        return "(" if group[1] in wanted else "(?:"

    return re.sub(r"\(\?P<(\w+)>", renamed, pattern)
