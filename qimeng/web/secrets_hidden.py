"""Keys of the environment never leave this machine through the page."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from html import escape

_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)S?$", re.IGNORECASE)
_SHORTEST = 8
"""A shorter value is no key, and hiding it would blacken ordinary words."""


class Hider:
    """Blackens the values of variables that are named like keys, in any body that is served."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        values = {v for n, v in environment.items() if _NAMES.search(n) and len(v) >= _SHORTEST}
        written = {w for v in values for w in (v, escape(v), json.dumps(v)[1:-1])}
        longest_first = sorted((w.encode() for w in written), key=len, reverse=True)
        self._secrets = re.compile(b"|".join(map(re.escape, longest_first)))
        self._any = bool(written)

    def hide(self, body: bytes) -> bytes:
        """The body, as long as before, with stars where a key stood."""
        if not self._any:
            return body
        return self._secrets.sub(lambda found: b"*" * len(found[0]), body)

    def hide_in(self, text: str) -> str:
        """A text without keys. Texts that are cut, or searched, are cleared of them before."""
        return self.hide(text.encode("utf-8", "replace")).decode() if self._any else text
