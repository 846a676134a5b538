"""Metrics that survive the machine: pushed when a run ends, however it ends.

To a Pushgateway as text, or over OTLP with OpenTelemetry's own SDK, together with a span of the
run. https://github.com/prometheus/pushgateway, https://opentelemetry.io/docs/specs/otlp/
"""

import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from jobs.monitoring.metrics import families, rendered
from jobs.monitoring.status import Status
from queries.failures import Failed

TIMEOUT = 3
"""Seconds, of each request: what hangs must not hold up a run for long."""
JOB = "httpcodes"


class PushFailed(Failed):
    """Metrics or a span could not be pushed; the message names the host, and no more of the URL."""


@dataclass(frozen=True)
class Stage:
    """A part of a run; nanoseconds since 1970 UTC."""

    name: str
    began: int
    ended: int


def to_gateway(url: str, status: Status) -> None:
    """Put what the textfile would say in the place of what the gateway has. Raises PushFailed."""
    instance = quote(str(status.store.absolute()), safe="")
    target = f"{url.rstrip('/')}/metrics/job/{JOB}/store/{instance}".replace("%2F", "_")
    body = rendered(status).encode()
    asked = urllib.request.Request(  # noqa: S310 (the configuration lets only http and https in)
        target, body, {"Content-Type": "text/plain; version=0.0.4"}, method="PUT"
    )
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT):  # noqa: S310
            pass
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = error.code if isinstance(error, urllib.error.HTTPError) else error
        raise PushFailed(f"the push to {urlsplit(url).hostname} failed: {said}") from error


def over_otlp(url: str, status: Status, stages: Sequence[Stage], what: dict[str, Any]) -> None:
    """Send the metrics, and the run as a span with its stages below it, to `url`/v1/….

    `what` are attributes of the span. Raises PushFailed, also where the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
            OTLPMetricExporter,
        )
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.metrics.export import MetricExportResult  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415
    except ImportError as error:
        raise PushFailed("OTLP needs the extra otel: pip install 'cdn-httpcodes[otel]'") from error
    # What it has to say of a failure is said in one sentence.
    heard = logging.getLogger("opentelemetry")
    heard.addHandler(logging.NullHandler())
    heard.propagate = False
    resource = Resource.create({"service.name": JOB})
    base = url.rstrip("/")
    metrics = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=TIMEOUT)
    spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=TIMEOUT)
    try:
        sent = (
            metrics.export(_measured(status, resource)) is MetricExportResult.SUCCESS
            and spans.export(_spans(stages, what, resource)) is SpanExportResult.SUCCESS
        )
    except (OSError, ValueError) as error:
        raise PushFailed(f"OTLP to {urlsplit(url).hostname} failed: {error}") from error
    finally:
        metrics.shutdown()
        spans.shutdown()  # type: ignore[no-untyped-call]
    if not sent:
        raise PushFailed(f"OTLP to {urlsplit(url).hostname} failed: it was not taken")


def _measured(status: Status, resource: Any) -> Any:
    """The textfile's samples as gauges."""
    from opentelemetry.metrics import Observation  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    meter = provider.get_meter(JOB)
    for name, meaning, samples in families(status):
        if seen := [
            Observation(value, dict(labels)) for labels, value in samples if value is not None
        ]:
            meter.create_observable_gauge(
                f"{JOB}.{name}", [partial(_seen, seen)], description=meaning
            )
    measured = reader.get_metrics_data()
    provider.shutdown()
    return measured


def _seen(observations: Sequence[Any], _: Any) -> Sequence[Any]:
    return observations


def _spans(stages: Sequence[Stage], what: dict[str, Any], resource: Any) -> Any:
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: PLC0415
        InMemorySpanExporter,
    )
    from opentelemetry.trace import StatusCode, set_span_in_context  # noqa: PLC0415

    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer(JOB)
    known = {key: value for key, value in what.items() if value is not None}
    run = tracer.start_span(f"{JOB} run", start_time=stages[0].began, attributes=known)
    for stage in stages:
        span = tracer.start_span(
            stage.name, context=set_span_in_context(run), start_time=stage.began
        )
        span.end(stage.ended)
    if what.get("outcome") not in ("done", "partly_done"):
        run.set_status(StatusCode.ERROR, what.get("reason"))
    run.end(stages[-1].ended)
    return kept.get_finished_spans()
