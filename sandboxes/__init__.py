"""Where untrusted code runs: one small protocol, three drivers (docker, bubblewrap, host)."""

from sandboxes.base import Command, Limits, Outcome, Sandbox, SandboxError

__all__ = ["Command", "Limits", "Outcome", "Sandbox", "SandboxError"]
