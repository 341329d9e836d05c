"""What tokens cost."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

from lpcm.messages import Usage
from memory.records import Record


class Price(Record):
    """US dollars per million tokens."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)


_FREE = frozenset(("embedded", "cassette", "scripted"))
_TABLE = TypeAdapter(dict[str, Price])


class Prices:
    """The table that ships with QiMeng, with the user's own file laid over it.

    A missing ``path`` is an empty file. Raises ValueError when it is not a table of prices.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._table = _parse(files("lpcm").joinpath("prices.toml").read_text(), "lpcm/prices.toml")
        if path and path.exists():
            self._table |= _parse(path.read_text(), str(path))

    def usd(self, model: str, usage: Usage) -> float | None:
        """The cost of ``usage``, or None when the model's price is unknown."""
        if model.partition(":")[0] in _FREE:
            return 0.0
        price = self._table.get(model.removeprefix("endpoint:"))
        if price is None:
            return None
        return (usage.tokens_in * price.input + usage.tokens_out * price.output) / 1e6


def _parse(text: str, where: str) -> dict[str, Price]:
    try:
        return _TABLE.validate_python(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as err:
        hint = 'write lines such as "my-model" = { input = 0.5, output = 2.0 }'
        raise ValueError(f"{where} is not a price table: {hint}") from err
