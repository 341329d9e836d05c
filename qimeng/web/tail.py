"""Follows an event log that another process writes."""

from __future__ import annotations

from pathlib import Path

from memory.events import Event, parse_event


class Tail:
    """Reads each whole event of a log once, as it comes.

    A last line without its end is left for later. At a damaged line reading stops for good and
    ``damage`` says where: what stands before it is not lost. ``count`` events were read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ""
        self.count = 0
        self._offset = 0

    def new(self) -> list[Event]:
        """The events that were added since the last call. Raises FileNotFoundError."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = b"" if self.damage else file.read()
        whole = data[: data.rfind(b"\n") + 1]
        events = []
        for line in whole.splitlines():
            try:
                events.append(parse_event(line, self.count))
            except ValueError as error:
                self.damage = f"line {self.count + 1} of {self.path.name}: {error}"
                break
            self.count += 1
        self._offset += len(whole)
        return events
