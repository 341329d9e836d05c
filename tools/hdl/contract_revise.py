"""Apply a change to a specification in words, so that the words stay free of contradiction.

"make the reset active low" after "rst (synchronous, active high)" must not leave both in the
text: whoever reads it next, model or person, would have to guess which one holds. Changes of
reset, clock edge and width are made in place by rule; any other change is added as a sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from tools.hdl.contract_text import read_contract, reset_spans

_LOW = re.compile(r"\bactive[- ]low\b|\breset\b.{0,20}\b(?:is|be|when|at)\s+(?:0|low)\b", re.I)
_HIGH = re.compile(r"\bactive[- ]high\b|\breset\b.{0,20}\b(?:is|be|when|at)\s+(?:1|high)\b", re.I)
_POLARITY = re.compile(r"\bactive([- ])(?:low|high)\b", re.I)
_ASYNC = re.compile(r"\basync(?:hronous)?(?:ly)?\b", re.I)
_SYNC = re.compile(r"\bsync(?:hronous)?(?:ly)?\b", re.I)
_FALLING = re.compile(r"\b(?:falling|negative)([- ])edge\b|\bnegedge\b", re.I)
_RISING = re.compile(r"\b(?:rising|positive)([- ])edge\b|\bposedge\b", re.I)
_EDGE = re.compile(r"\b(?:rising|falling|positive|negative)[- ](?:clock )?edge\b", re.I)
_WIDTH = re.compile(r"\b(\d+)[- ]?bits?\b(?:\s+(?:wide|width))?|\bwidth (?:of|to|is) (\d+)\b", re.I)
_ADDS = re.compile(r"\b(?:add|another|extra|additional|new)\b", re.I)
_BEYOND = re.compile(r"\b(?:and|but|also|plus)\b|[;,]", re.I)


def revise(spec: str, change: str) -> str:
    """``spec`` with ``change`` applied. What no rule covers is added at the end, in its words."""
    change = " ".join(change.split())
    revised, covered = spec, False
    for rule in (_reset_polarity, _reset_kind, _clock_edge, _width):
        text = rule(revised, change)
        covered, revised = covered or text is not None, text or revised
    # A change that says more than one thing is kept in words too: a rule saw one of them.
    if covered and not _BEYOND.search(change):
        return revised
    sentence = change[0].upper() + change[1:]
    return f"{revised.rstrip()}\n{sentence}{'' if sentence[-1] in '.!?' else '.'}"


def _reset_polarity(spec: str, change: str) -> str | None:
    if not re.search(r"\breset|\brst", change, re.I):
        return None
    level = "low" if _LOW.search(change) else "high" if _HIGH.search(change) else None
    return level and _say_of_reset(
        spec, _POLARITY, lambda m: f"active{m[1]}{level}", f"The reset is active {level}."
    )


def _reset_kind(spec: str, change: str) -> str | None:
    if not re.search(r"\breset|\brst", change, re.I):
        return None
    kind = "asynchronous" if _ASYNC.search(change) else None
    kind = kind or ("synchronous" if _SYNC.search(change) else None)
    known = re.compile(r"\ba?sync(?:hronous)?\b", re.I)
    return kind and _say_of_reset(spec, known, lambda m: kind, f"The reset is {kind}.")


def _say_of_reset(
    spec: str, known: re.Pattern[str], by: Callable[[re.Match[str]], str], sentence: str
) -> str:
    """Replace ``known`` where the words speak of a reset, and only there; else add a sentence."""
    reading = read_contract(spec)
    resets = reading.contract.resets if reading.contract else ()
    spans = {span for r in resets for span in reset_spans(spec, reading.ports, r.port)}
    spans = spans or {(0, len(spec))}  # no interface to be read: any such word will be the reset's
    revised = spec
    for start, end in sorted(spans, reverse=True):
        revised = revised[:start] + known.sub(by, revised[start:end]) + revised[end:]
    said = any(known.search(spec, *span) for span in spans)
    return revised if said else f"{spec.rstrip()}\n{sentence}"


def _clock_edge(spec: str, change: str) -> str | None:
    falling, rising = _FALLING.search(change), _RISING.search(change)
    if bool(falling) == bool(rising):
        return None
    word = "falling" if falling else "rising"
    return _replace_or_add(
        spec,
        _EDGE,
        lambda m: re.sub(r"rising|falling|positive|negative", word, m[0], flags=re.I),
        f"Everything happens at the {word} clock edge.",
    )


def _width(spec: str, change: str) -> str | None:
    """One port's width when the change names a port, else the width most of the ports share."""
    asked = _WIDTH.search(change)
    if not asked or _ADDS.search(change):
        return None
    width = int(asked[1] or asked[2])
    ports = [p for p in read_contract(spec).ports if p.width > 1]
    named = [p for p in ports if re.search(rf"\b{re.escape(p.name)}\b", change)]
    if not ports or width < 1:
        return None
    old = Counter(p.width for p in named or ports).most_common(1)[0][0]
    names = {p.name for p in named or [p for p in ports if p.width == old]}
    revised = spec
    for name in names:
        revised = re.sub(
            rf"\b{name}(\s*)\[\s*\d+\s*:\s*0\s*\]", rf"{name}\1[{width - 1}:0]", revised
        )
        revised = re.sub(
            rf"\[\s*\d+\s*:\s*0\s*\](\s*){name}\b", rf"[{width - 1}:0]\1{name}", revised
        )
    if not named:
        revised = re.sub(rf"\b{old}([- ])bit", rf"{width}\1bit", revised)
    return revised if revised != spec else None


def _replace_or_add(
    spec: str, known: re.Pattern[str], by: Callable[[re.Match[str]], str], sentence: str
) -> str:
    if known.search(spec):
        return known.sub(by, spec)
    return f"{spec.rstrip()}\n{sentence}"
