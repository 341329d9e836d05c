"""``python die_at.py KIND N ARGUMENTS…``: qimeng, killed with SIGKILL right after its N-th event
of that kind (from 1) is on disk.
"""

import os
import signal
import sys
from typing import Any

from memory.events import Event, EventLog
from qimeng.cli import main

KIND, LEFT = sys.argv[1], [int(sys.argv[2])]
write = EventLog.append


def append(self: EventLog, kind: str, actor: str, data: dict[str, Any]) -> Event:
    event = write(self, kind, actor, data)
    if kind == KIND:
        LEFT[0] -= 1
        if not LEFT[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    return event


EventLog.append = append  # type: ignore[method-assign]
sys.argv = ["qimeng", *sys.argv[3:]]
main()
