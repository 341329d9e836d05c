"""A run as OpenTelemetry spans in OTLP/JSON: a pure function of its events.

The names are those of the GenAI semantic conventions v0.1.0 (all still "development"), pinned
here: a test holds the mapping. Ids are digests, so the same run gives the same spans.

=================  =========================  ==============================================
event              span                       attributes
=================  =========================  ==============================================
the run            ``invoke_agent qimeng``    gen_ai.agent.name, gen_ai.conversation.id,
                                              gen_ai.usage.* (sums), qimeng.status
a model call       ``chat <model>``           gen_ai.request.model, gen_ai.agent.name (the role),
                                              gen_ai.usage.input_tokens / output_tokens,
                                              qimeng.cached, qimeng.usd
a tool call        ``execute_tool <name>``    gen_ai.tool.name, gen_ai.tool.call.id,
                                              gen_ai.agent.name, qimeng.exit_code, qimeng.killed
other events       events of the run's span   qimeng.text, gen_ai.agent.name
=================  =========================  ==============================================

No prompt, answer or output is exported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from memory.budget import spend_of
from memory.events import Event
from qimeng.event_words import describe

Json = dict[str, Any]

SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai/0.1.0"
_INTERNAL, _CLIENT = 1, 3
_OK, _ERROR = 1, 2
_CALLS = ("call.started", "call.finished", "call.failed")


def otlp(run_id: str, events: Sequence[Event], version: str = "") -> Json:
    """An ``ExportTraceServiceRequest``: one resource, one scope, the root span first."""
    trace_id = _id(run_id, 16)
    spans = [_root(run_id, trace_id, events), *_calls(run_id, trace_id, events)]
    resource = {"attributes": _attributes({"service.name": "qimeng", "service.version": version})}
    scope = {"scope": {"name": "qimeng"}, "schemaUrl": SCHEMA_URL, "spans": spans}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _root(run_id: str, trace_id: str, events: Sequence[Event]) -> Json:
    spend = spend_of(events)
    last = events[-1]
    status = last.data["result"]["status"] if last.kind == "run.finished" else "open"
    told = [event for event in events if event.kind not in _CALLS]
    return {
        "traceId": trace_id,
        "spanId": _id(run_id, 8),
        "name": "invoke_agent qimeng",
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanoseconds(events[0].at),
        "endTimeUnixNano": _nanoseconds(last.at),
        "attributes": _attributes(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "qimeng",
                "gen_ai.conversation.id": run_id,
                "gen_ai.usage.input_tokens": spend.tokens_in,
                "gen_ai.usage.output_tokens": spend.tokens_out,
                "qimeng.status": status,
            }
        ),
        "events": [
            {
                "timeUnixNano": _nanoseconds(event.at),
                "name": f"qimeng.{event.kind}",
                "attributes": _attributes(
                    {"qimeng.text": describe(event).text, "gen_ai.agent.name": event.actor}
                ),
            }
            for event in told
        ],
        "status": {"code": _OK if status == "done" else 0},
    }


def _calls(run_id: str, trace_id: str, events: Sequence[Event]) -> list[Json]:
    """A span for each call. One that a crash cut short ends where the log goes on."""
    spans: list[Json] = []
    open_calls: dict[str, Json] = {}
    for event in events:
        if event.kind == "call.started":
            span = _span(run_id, trace_id, event)
            open_calls[event.data["key"]] = span
            spans.append(span)
        elif event.kind in _CALLS and (began := open_calls.pop(event.data["key"], None)):
            began |= _end(event)
            began["attributes"] += _attributes(_outcome(event.data))
    for span in open_calls.values():
        span["endTimeUnixNano"] = _nanoseconds(events[-1].at)
        span["status"] = {"code": _ERROR, "message": "cut short"}
    return spans


def _span(run_id: str, trace_id: str, event: Event) -> Json:
    data = event.data
    model = data["type"] == "model"
    known: Json = {"gen_ai.agent.name": event.actor, "gen_ai.conversation.id": run_id}
    if model:
        known |= {"gen_ai.operation.name": "chat", "gen_ai.request.model": data["name"]}
    else:
        known |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": data["name"]}
        known |= {"gen_ai.tool.call.id": data["key"], "gen_ai.tool.type": "function"}
    return {
        "traceId": trace_id,
        "spanId": _id(f"{run_id}/{event.seq}", 8),
        "parentSpanId": _id(run_id, 8),
        "name": f"{'chat' if model else 'execute_tool'} {data['name']}",
        "kind": _CLIENT if model else _INTERNAL,
        "startTimeUnixNano": _nanoseconds(event.at),
        "attributes": _attributes(known),
    }


def _end(event: Event) -> Json:
    end: Json = {"endTimeUnixNano": _nanoseconds(event.at)}
    if event.kind == "call.failed":
        return end | {"status": {"code": _ERROR, "message": event.data["error"]}}
    return end | {"status": {"code": _ERROR if event.data.get("exit_code") else _OK}}


def _outcome(data: Json) -> Json:
    names = {
        "tokens_in": "gen_ai.usage.input_tokens",
        "tokens_out": "gen_ai.usage.output_tokens",
        "cached": "qimeng.cached",
        "usd": "qimeng.usd",
        "exit_code": "qimeng.exit_code",
        "killed": "qimeng.killed",
    }
    return {name: data[field] for field, name in names.items() if data.get(field) is not None}


def _attributes(values: Json) -> list[Json]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}


def _nanoseconds(at: float) -> str:
    return str(round(at * 1000) * 1_000_000)


def _id(text: str, size: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[: 2 * size]
