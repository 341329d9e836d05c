"""Read a module's interface out of plain words, where the words are explicit.

A reader of the phrases engineers use for ports ("input [7:0] din", "inputs a [7:0] and b
[7:0]", "a 4-bit output q", "rst_n (asynchronous reset, active low)"), not a language model: what
it cannot read for certain it leaves out, and what contradicts itself it reports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import cast

from tools.hdl.contract import Clock, Contract, Direction, Port, Reset

_NUMBERS = {"one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "eight": 8, "sixteen": 16}
_COUNT = r"(\d+|" + "|".join(_NUMBERS) + ")"
_NOT_NAMES = "|".join(
    """an and are as at bit bits by can each for from has have if input inputs is it its line of
    on one only or output outputs pin port ports should signal signals so that the this to value
    values when where which while with wire reg logic""".split()  # noqa: SIM905
)
_DIRECTION = re.compile(
    rf"(?:^|[-*•(;:,.\n]|\b(?:and|an?|with|has|have|ports?|are|is)\b)\s*(?:an?\s+)?"
    rf"(?:{_COUNT}[- ]bit\s+)?\b(input|output|inout)(s?)\b(?!-)\s*:?\s*(?:ports?\s+|signals?\s+)?",
    re.IGNORECASE,
)


def _item(not_names: str) -> re.Pattern[str]:
    return re.compile(
        rf"\s*(?:an?\s+|the\s+)?(?:(?:wire|reg|logic)\s+)?(?P<signed>signed\s+)?"
        rf"(?:{_COUNT.replace('(', '(?P<bits>', 1)}[- ]bit\s+)?"
        r"(?:\[\s*(?P<msb>\d+)\s*:\s*(?P<lsb>\d+)\s*\]\s*)?"
        rf"`?(?!(?:{not_names})\b)(?P<name>[A-Za-z_]\w*)`?"
        r"(?:\s*\[\s*(?P<msb2>\d+)\s*:\s*(?P<lsb2>\d+)\s*\])?"
        rf"(?:\s+of\s+{_COUNT.replace('(', '(?P<of>', 1)}\s+bits?)?"
        rf"(?:\s*\((?P<note>[^()]*)\))?\s*"
    )


_IN_PROSE, _IN_LIST = _item(_NOT_NAMES), _item("wire|reg|logic|bits?|ports?|signals?")
_SEPARATOR = re.compile(
    r"\s*(?:,\s*and\b|,|\band\b)(?!\s*(?:and\s+)?(?:an?\s+)?(?:\S+[- ]bit\s+)?(?:in|out)put)"
)
_CLOCK_NAME = re.compile(r"^(?:clk|clock|aclk|sysclk|\w+_clk|clk_\w+)$", re.IGNORECASE)
_RESET_NAME = re.compile(r"^(?:a|s|sync_|async_)?(?:rst|reset)(?:_?n|_?b|_i)?$", re.IGNORECASE)
_FALLING = re.compile(
    r"\b(?:falling|negative)[- ](?:clock[- ])?edge|\bnegedge\b|\bfalling\s+\w+\s+edge\b",
    re.IGNORECASE,
)
_KNOWN_INPUT = re.compile(r"\b(clk|rst|rst_n|resetn|reset_n|areset|arst)\b")
_BULLET = re.compile(r"^[ \t]*[-*•]\s*(?:input|(output)|inout)\b", re.MULTILINE | re.IGNORECASE)
_MODULE = re.compile(
    rf"\b(?:module\s+(?:named\s+|called\s+)?|(?:named|called)\s+)"
    rf"`?(?!(?:{_NOT_NAMES})\b)(?P<name>[A-Za-z_]\w*)`?",
    re.IGNORECASE,
)


class Contradiction(ValueError):
    """The words say two different things about the interface."""


@dataclass(frozen=True)
class Reading:
    """What the words say. ``contract`` is None unless module, inputs and outputs are all explicit;
    ``module`` and ``ports`` are then what could be read.
    """

    contract: Contract | None
    module: str | None
    ports: tuple[Port, ...]


def read_contract(text: str) -> Reading:
    """Read the interface from ``text``. A list with a bullet for each port is complete: prose after
    it ("counts the ones of an input vector") names none. Raises Contradiction.
    """
    ports: dict[str, Port] = {}
    bullets, item = _bullets(text), _IN_LIST
    if bullets is None:
        bullets, item = text, _IN_PROSE
    lists = [_port_list(bullets, match, item) for match in _DIRECTION.finditer(bullets)]
    for port in (port for listed, _ in lists for port in listed):
        other = ports.setdefault(port.name, port)
        if other.direction != port.direction or other.width != port.width:
            raise Contradiction(
                f"port {port.name!r} is described as {_describe(other)} and as {_describe(port)}"
            )
    explicit = {port.direction for port in ports.values()}
    if ports:
        for name in _KNOWN_INPUT.findall(text):
            if name not in ports and not any(_same_role(name, p) for p in ports):
                ports = {name: Port(name, "input", 1), **ports}
    module = _module(text, set(ports))
    found = tuple(ports.values())
    sides = {"output"} if item is _IN_LIST else {"input", "output"}
    whole = all(understood for _, understood in lists) and sides <= explicit
    return Reading(contract_for(module, found, text) if module and whole else None, module, found)


def _bullets(text: str) -> str | None:
    """The paragraphs from the first bullet with a port to the last; None when none is an output."""
    found = list(_BULLET.finditer(text))
    if not any(match[1] for match in found):
        return None
    end = re.compile(r"\n\s*\n|\Z").search(text, found[-1].end())
    assert end
    listed = text[found[0].start() : end.start()]
    return re.sub(r"[,;][ \t]*(?=\n\s*[-*•])", "", listed)


def contract_for(module: str, ports: tuple[Port, ...], text: str) -> Contract:
    """Clock and reset roles found by the ports' names, their kinds by the words of ``text``."""
    single = [p for p in ports if p.direction == "input" and p.width == 1]
    falling = _FALLING.search(text)
    clocks = [p.name for p in single if _CLOCK_NAME.match(p.name)][:1]
    resets = [p.name for p in single if _is_reset(p.name, text)] if clocks else []
    return Contract(
        module,
        ports,
        clocks=tuple(Clock(name, "negedge" if falling else "posedge") for name in clocks),
        resets=tuple(
            _reset(name, " ".join(text[a:b] for a, b in reset_spans(text, ports, name)), text)
            for name in resets
        ),
    )


def _port_list(
    text: str, start: re.Match[str], pattern: re.Pattern[str]
) -> tuple[list[Port], bool]:
    """The ports listed after one direction word, and whether the whole list was understood."""
    ports: list[Port] = []
    position, whole = start.end(), False
    while item := pattern.match(text, position):
        if not _ends_item(text, item.end()):
            break
        width = _width(item, start.group(1) if start.group(3) or not ports else None)
        direction = cast(Direction, start.group(2).lower())
        ports.append(Port(item["name"], direction, width, bool(item["signed"])))
        if re.search(r"\beach\b", item["note"] or ""):
            ports = [replace(p, width=width) for p in ports]
        separator = _SEPARATOR.match(text, item.end())
        if not separator:
            whole = True
            break
        position = separator.end()
    return ports, whole or not ports


def _ends_item(text: str, position: int) -> bool:
    """An item is certain only when a separator, a line end or a sentence end follows its name."""
    rest = text[position:].lstrip(" \t")
    return (
        not rest or rest[0] in ",;.:)\n-" or rest.startswith("and ") or text[position - 1] == "\n"
    )


def _width(item: re.Match[str], prefix: str | None) -> int:
    for msb, lsb in (("msb", "lsb"), ("msb2", "lsb2")):
        if item[msb]:
            return abs(int(item[msb]) - int(item[lsb])) + 1
    note = re.search(rf"{_COUNT}(?:-|\s+)bits?\b", item["note"] or "")
    count = item["bits"] or item["of"] or (note and note.group(1)) or prefix or "1"
    return max(1, _NUMBERS.get(count.lower()) or int(count))


def _module(text: str, ports: set[str]) -> str | None:
    for match in _MODULE.finditer(text):
        if match["name"] not in ports:
            return match["name"]
    return None


def _same_role(name: str, port: str) -> bool:
    return any(kind.match(name) and kind.match(port) for kind in (_CLOCK_NAME, _RESET_NAME))


def _is_reset(name: str, text: str) -> bool:
    """By its name, or because the words say so: ``an asynchronous reset "ar"``."""
    called = rf"\breset(?:\s+(?:input|signal|port|called|named))?\s+[\"'`(]*{name}\b"
    return bool(_RESET_NAME.match(name) or re.search(called, text, re.IGNORECASE))


def reset_spans(text: str, ports: tuple[Port, ...], name: str) -> list[tuple[int, int]]:
    """Where ``text`` speaks of the reset ``name``: the brackets after it, the words near it in a
    sentence, and sentences that name no port ("The reset is active low.").
    """
    others = re.compile("|".join(rf"\b{p.name}\b" for p in ports if p.name != "reset"))
    spans = []
    for sentence in re.finditer(r"\S(?:[^.;\n]|[.;](?!\s)|\n(?!\s*[-*A-Z]))*", text):
        start, end = sentence.span()
        if note := re.search(rf"\b{name}`?\s*\(([^()]*)\)", sentence[0]):
            spans.append((start + note.start(1), start + note.end(1)))
        elif found := re.search(rf"\b{name}\b", sentence[0]):
            spans.append(
                (max(start, start + found.start() - 60), min(end, start + found.end() + 60))
            )
        elif not others.search(sentence[0]):
            spans.append((start, end))
    return spans


def _reset(name: str, near: str, text: str) -> Reset:
    low = re.search(r"active[- ]low", near, re.IGNORECASE)
    high = re.search(r"active[- ]high", near, re.IGNORECASE)
    named_low = bool(re.search(r"(?:_n|_b|tn|etb)$", name, re.IGNORECASE))
    asynchronous = re.search(r"\basync", near + " " + text, re.IGNORECASE)
    return Reset(
        name,
        active_high=not (bool(low) and not high if low or high else named_low),
        asynchronous=bool(asynchronous) or name.lower().startswith("ar"),
    )


def _describe(port: Port) -> str:
    return f"{port.width}-bit {port.direction}"
