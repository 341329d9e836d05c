"""``kernel_torch.py``: the kernel as an operator of torch, on top of ``kernel.py``."""

from __future__ import annotations

from string import Template

from tools.kernels.notation import Operator, name_of, words_of
from tools.kernels.reference import ArraySpec, signature

_TYPES = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8", "int32": "int32"}
_MODULE = Template('''"""$title, as the torch operator ``qimeng::$function`` (CPU, forward only).

    import kernel_torch
    y = kernel_torch.$function($parameters)

It needs ``kernel.py`` and ``kernel.c`` beside it. ``python kernel_torch.py`` lets torch check it.
"""

import kernel
import torch

INPUTS = $inputs
OUTPUTS = $outputs


@torch.library.custom_op("qimeng::$function", mutates_args=(), device_types="cpu")
def $function($typed) -> $result:
    """The kernel itself; shapes and types as in ``INPUTS``."""
    found = kernel.$function(*(_numpy(t) for t in ($parameters,)))
    made = [_tensor(a) for a in (found if isinstance(found, tuple) else (found,))]
    return $unpacked


@$function.register_fake
def _($parameters):
    made = [torch.empty(shape, dtype=kind) for shape, kind in OUTPUTS]
    return $unpacked


def _numpy(tensor):
    """The tensor's memory; numpy has no bf16, so its bits are taken."""
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view("uint16")
    return tensor.numpy()


def _tensor(array):
    if array.dtype == "uint16":
        return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(array)


if __name__ == "__main__":
    given = [torch.ones(shape, dtype=kind) for shape, kind in INPUTS]
    print(torch.library.opcheck($function, tuple(given)))
''')


def torch_module(spec: Operator) -> str:
    """The text of ``kernel_torch.py``."""
    arrays = signature(spec)
    given = [name for name, a in arrays.items() if not a.output]
    made = [a for a in arrays.values() if a.output]
    one = len(made) == 1
    return _MODULE.substitute(
        title=f"{' '.join(words_of(spec))}, made by QiMeng",
        function=name_of(spec),
        parameters=", ".join(given),
        typed=", ".join(f"{name}: torch.Tensor" for name in given),
        inputs=_list([arrays[name] for name in given]),
        outputs=_list(made),
        result="torch.Tensor" if one else f"tuple[{', '.join(['torch.Tensor'] * len(made))}]",
        unpacked="made[0]" if one else "tuple(made)",
    )


def _list(arrays: list[ArraySpec]) -> str:
    return f"[{', '.join(f'({a.shape}, torch.{_TYPES[a.dtype]})' for a in arrays)}]"
