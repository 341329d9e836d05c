"""The system calls a bubblewrap sandbox refuses, as a classic BPF program.

Namespaces and lost capabilities already refuse most of what is dangerous. Refused here is what
they leave open: new user namespaces (which would hand capabilities back), kernel interfaces that
need no capability and have a long record of holes, and socket families that a network namespace
does not contain (vsock reaches the hypervisor). Docker's own default profile does the same job.
"""

from __future__ import annotations

import errno
import platform
import socket
import struct
from dataclasses import dataclass

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NEW_NAMESPACE_FLAGS = 0x7E020000  # every CLONE_NEW* that clone(2) takes
_X32 = 0x40000000
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)


@dataclass(frozen=True, slots=True)
class _Machine:
    """System call numbers of one architecture (asm/unistd.h)."""

    audit: int
    clone: int
    socket: int
    refused: tuple[int, ...]


_IO_URING = (425, 426, 427)
_CLONE3 = 435
_MACHINES = {
    # refused: unshare setns bpf perf_event_open userfaultfd add_key request_key keyctl
    "x86_64": _Machine(0xC000003E, 56, 41, (272, 308, 321, 298, 323, 248, 249, 250, *_IO_URING)),
    "aarch64": _Machine(0xC00000B7, 220, 198, (97, 268, 280, 241, 282, 217, 218, 219, *_IO_URING)),
}


def program() -> bytes | None:
    """The filter for this machine, as ``bwrap --seccomp`` reads it; None on an unknown one."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return None
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine.audit),
        _refuse(errno.ENOSYS),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        _refuse(errno.ENOSYS),
    ]
    for number in machine.refused:
        code += [(_EQUAL, 0, 1, number), _refuse(errno.EPERM)]
    code += [(_EQUAL, 0, 1, _CLONE3), _refuse(errno.ENOSYS)]  # libc falls back to clone
    code += [(_EQUAL, 0, 4, machine.clone), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    code += [(_ANY_BIT, 0, 1, _NEW_NAMESPACE_FLAGS), _refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    code += [(_EQUAL, 1, 0, machine.socket), (_RETURN, 0, 0, _ALLOW)]
    code += [(_LOAD, 0, 0, _FIRST_ARGUMENT)]
    for family in _FAMILIES:
        code += [(_EQUAL, 0, 1, int(family)), (_RETURN, 0, 0, _ALLOW)]
    code += [_refuse(errno.EAFNOSUPPORT)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _refuse(error: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERRNO | error)
