"""Where QiMeng keeps its files."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The data directory: ``$QIMENG_HOME``, else ``$XDG_DATA_HOME/qimeng``, else
    ``~/.local/share/qimeng``. Read afresh at each call; the directory may not exist yet.
    """
    if named := os.environ.get("QIMENG_HOME"):
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "qimeng"
