"""Where QiMeng keeps what outlives a process."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """``$QIMENG_HOME``, else ``$XDG_DATA_HOME/qimeng``, else ``~/.local/share/qimeng``."""
    if explicit := os.environ.get("QIMENG_HOME"):
        return Path(explicit).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "qimeng"
