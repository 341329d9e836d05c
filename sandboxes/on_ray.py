"""Sandboxed commands spread over a Ray cluster: candidates are checked wherever there is room.

Each command is one Ray task that runs in the same kind of sandbox on its node, so the outcome,
and with it every verdict, is the one this machine would have given. Nodes need the same system
packages and the same QiMeng.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from dataclasses import dataclass
from typing import Any

from sandboxes.base import Command, Outcome, Sandbox, SandboxError

ADDRESS = "QIMENG_RAY"
"""Environment: the cluster's address; ``local`` starts one on this machine."""

_JOINING = threading.Lock()


@dataclass(frozen=True)
class RaySandbox:
    """The driver ``inner``, run on the cluster's nodes. Its name is the inner driver's: where a
    command ran does not change what it is.
    """

    inner: Sandbox
    address: str

    @property
    def name(self) -> str:
        """The inner driver's name."""
        return self.inner.name

    def run(self, command: Command) -> Outcome:
        """As the inner driver's ``run``, on some node. Raises SandboxError when no node can."""
        ray, task = _cluster(self.address)
        try:
            outcome: Outcome = ray.get(task.remote(self.inner, command))
        except ray.exceptions.RayTaskError as error:
            raise SandboxError(f"on a node of the cluster: {error.cause}") from error
        except ray.exceptions.RayError as error:
            raise SandboxError(f"the cluster failed: {error}") from error
        return outcome


def on_ray(inner: Sandbox) -> Sandbox:
    """``inner`` on the cluster that the environment names, or as it is when it names none."""
    address = os.environ.get(ADDRESS)
    return RaySandbox(inner, address) if address else inner


def _cluster(address: str) -> tuple[Any, Any]:
    """Ray itself and the remote function; the cluster is joined once, whichever thread asks."""
    try:
        import ray
    except ImportError:
        raise SandboxError(f"{ADDRESS} is set: pip install 'qimeng[ray]'") from None
    with _JOINING:
        if not ray.is_initialized():
            try:
                _knock(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (OSError, ValueError, RuntimeError) as error:
                raise SandboxError(f"cannot join the cluster {address}: {error}") from error
    return ray, ray.remote(num_cpus=1)(_run)


def _knock(address: str) -> None:
    """Raise OSError at once where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _run(inner: Sandbox, command: Command) -> Outcome:
    return inner.run(command)
