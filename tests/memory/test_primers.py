"""What the primers state is checked with the tools that know: assemblers and compilers."""

import re
import shutil
import subprocess
from importlib.resources import files

import pytest

PRIMERS = files("memory").joinpath("primers")
RISCV_AS = shutil.which("riscv64-unknown-elf-as")
ARM_GCC = shutil.which("aarch64-linux-gnu-gcc")
needs_riscv = pytest.mark.skipif(RISCV_AS is None, reason="no RISC-V assembler")
needs_arm = pytest.mark.skipif(ARM_GCC is None, reason="no Arm compiler")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


def primer(name: str) -> str:
    return PRIMERS.joinpath(name).read_text()


def rows(name: str, columns: int) -> list[list[str]]:
    """The table rows of a primer with so many columns whose first cell is code."""
    found = []
    for line in primer(name).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == columns and cells[0].startswith("`"):
            found.append([cells[0].strip("`"), *(c.replace("\\|", "|") for c in cells[1:])])
    return found


# -- RISC-V ----------------------------------------------------------------------------------


def assemble(lines: list[str], arch: str, tmp_path) -> list[int]:
    """The 32-bit words of these instructions."""
    out = tmp_path / "a.o"
    source = "\n".join([".option norelax", "target:", *lines, ""])
    command = [RISCV_AS, f"-march={arch}", f"-mabi={'ilp32' if '32' in arch else 'lp64'}"]
    subprocess.run([*command, "-o", out], input=source, text=True, check=True)
    dump = ["riscv64-unknown-elf-objdump", "-d", "-M", "no-aliases", out]
    text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    return [int(word, 16) for word in re.findall(r"^\s+[0-9a-f]+:\s+([0-9a-f]{8})\b", text, re.M)]


_OPERANDS = {
    "imm(rs1)": "20(x6)", "rs1": "x6", "rs2": "x7", "rd": "x5", "shamt": "3", "imm20": "74565",
    "imm": "-5", "offset": "target",
}  # fmt: skip


def concrete(form: str) -> str:
    for name, value in _OPERANDS.items():
        form = re.sub(rf"(?<![\w(]){re.escape(name)}(?!\w)", value, form)
    return form


def encodings() -> list[tuple[str, str, str, str]]:
    """``(form, opcode, funct3, funct7)`` of every encoding the primer tabulates."""
    found = []
    for line in primer("rv32i.md").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        cells += [""]
        if len(cells) > 4 and cells[1] in set("RISBUJ") and cells[0].startswith("`"):
            funct3 = cells[3] if re.fullmatch("[01]{3}", cells[3]) else ""
            funct7 = cells[4] if re.fullmatch("[01]{7}", cells[4]) else ""
            found.append((cells[0].strip("`"), cells[2], funct3, funct7))
    return found


def agrees(word: int, opcode: str, funct3: str, funct7: str) -> bool:
    return (
        word & 127 == int(opcode, 2)
        and (not funct3 or word >> 12 & 7 == int(funct3, 2))
        and (not funct7 or word >> 25 == int(funct7, 2))
    )


@needs_riscv
def test_rv32i_encodings(tmp_path):
    table = encodings()
    names = {form.split()[0] for form, *_ in table}
    assert len(names) == 40 + 8  # RV32I and M
    words = assemble([concrete(form) for form, *_ in table], "rv32im", tmp_path)
    assert len(words) == len(table)
    for word, (form, *fields) in zip(words, table, strict=True):
        assert agrees(word, *fields), form


@needs_riscv
def test_a_wrong_encoding_would_be_noticed(tmp_path):
    (word,) = assemble(["sra x5, x6, x7"], "rv32i", tmp_path)
    assert agrees(word, "0110011", "101", "0100000")
    for wrong in (("0010011", "101", ""), ("0110011", "100", ""), ("0110011", "101", "0000000")):
        assert not agrees(word, *wrong)


@needs_riscv
def test_whole_words(tmp_path):
    stated = {
        "fence": 0x0FF0000F, "ecall": 0x73, "ebreak": 0x100073, "fence.i": 0x100F,
        "mret": 0x30200073, "wfi": 0x10500073, "addi x0, x0, 0": 0x13,
    }  # fmt: skip
    text = primer("rv32i.md") + primer("riscv-csrs.md")
    assert all(re.search(rf"0x0*{value:x}\b", text) for value in stated.values())
    assert assemble(list(stated), "rv32i_zifencei", tmp_path) == list(stated.values())


@needs_riscv
def test_csr_addresses(tmp_path):
    cells = re.compile(r"^\| (0x[0-9a-f]{3}) \| (\w+) \|", re.M)
    stated = cells.findall(primer("riscv-csrs.md")) + cells.findall(primer("rvv.md"))
    assert len(stated) > 45
    reads = [f"csrr x5, {name}" for _, name in stated]
    words = assemble(reads, "rv32imafdv_zicsr", tmp_path)
    assert [word >> 20 for word in words] == [int(address, 16) for address, _ in stated]


VECTOR_FORMS = {
    ".vv": "v8, v16, v24", ".vx": "v8, v16, a0", ".vi": "v8, v16, 3", ".vs": "v8, v16, v24",
    ".wv": "v8, v16, v24", ".wi": "v8, v16, 3", ".vf": "v8, fa0, v16", ".vvm": "v8, v16, v24, v0",
}  # fmt: skip
OTHER_VECTOR = {
    "vmv.x.s": "a0, v8", "vfmv.f.s": "fa0, v8", "vid.v": "v8", "viota.m": "v8, v16",
    "vcpop.m": "a0, v8", "vfirst.m": "a0, v8", "vcompress.vm": "v8, v16, v24", "vlm.v": "v8, (a0)",
    "vsm.v": "v8, (a0)", "vfsqrt.v": "v8, v16", "vl1re8.v": "v8, (a0)", "vs1r.v": "v8, (a0)",
}  # fmt: skip


def vector_line(name: str) -> str:
    if name in OTHER_VECTOR:
        return f"{name} {OTHER_VECTOR[name]}"
    if name.startswith(("vl", "vs")) and re.search(r"\d+(ff)?\.v$", name):
        if "uxei" in name or "oxei" in name:
            return f"{name} v8, (a0), v16"
        return f"{name} v8, (a0){', a1' if re.match('v[ls]se[0-9]', name) else ''}"
    suffix = re.search(r"\.\w+$", name)[0]
    if name.startswith(("vfcvt", "vfwcvt", "vfncvt")):
        return f"{name} v8, v16"
    return f"{name} {VECTOR_FORMS[suffix]}"


@needs_riscv
def test_vector_instructions_exist(tmp_path):
    names = sorted(set(re.findall(r"`(v\w+(?:\.\w+)+)[ `]", primer("rvv.md"))) - {"v0.t"})
    assert len(names) > 50
    lines = [vector_line(name) for name in names]
    assert len(assemble(lines, "rv64gcv", tmp_path)) == len(names)


@needs_riscv
def test_the_strip_mining_loop_assembles(tmp_path):
    (code,) = re.findall(r"```asm\n(.*?)```", primer("rvv.md"), re.S)
    assert len(assemble(code.splitlines(), "rv64gv", tmp_path)) == 10


# -- intrinsics ------------------------------------------------------------------------------

_TILE = {
    "tile": "1", "base": "p", "stride": "s", "dst": "1", "a": "2", "b": "3",
    "const void* p": "p", "void": "",
}  # fmt: skip


def c_function(prototype: str, name: str) -> str:
    """A function of the prototype's type that only calls the intrinsic."""
    result, intrinsic, inside = re.match(r"(?:(.+?) )??(_?\w+)\((.*)\)$", prototype).groups()
    parameters = [part.strip() for part in inside.split(",")]
    if intrinsic.startswith("_tile"):
        given = ", ".join(_TILE[part] for part in parameters)
        return f"void {name}(void *p, long s) {{ {intrinsic}({given}); }}"
    constants = {"imm8": "1", "scale": "4"}
    given = ", ".join(constants.get(p) or re.split(r"[ *]+", p)[-1] for p in parameters)
    taken = ", ".join(p for p in parameters if p not in constants)
    back = "" if result == "void" else "return "
    return f"{result} {name}({taken}) {{ {back}{intrinsic}({given}); }}"


def compiled(compiler: str, functions: list[str], flags: list[str]) -> dict[str, str]:
    """The assembly of each function; empty when they do not compile."""
    header = "immintrin.h" if compiler == "gcc" else "arm_neon.h"
    sve = "#include <arm_sve.h>\n" if "sve" in flags[0] else ""
    source = f"#include <{header}>\n{sve}" + "\n".join(functions)
    command = [compiler, "-O2", "-S", "-x", "c", "-Werror", "-o", "-", *flags, "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    parts = re.split(r"^(\w+):$", done.stdout, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True)) if done.returncode == 0 else {}


def holds(assembly: str, instruction: str) -> bool:
    return bool(re.search(rf"^\s+(?:{{vex}} )?(?:{instruction})", assembly, re.M))


def unconfirmed(compiler: str, primer_name: str) -> list[str]:
    """The prototypes that do not compile to their instruction with their flag alone."""
    table = [row for row in rows(primer_name, 4) if row[0].endswith(")")]
    assert len(table) > 30
    wrong = []
    for flag in sorted({row[2] for row in table}):
        chosen = [row for row in table if row[2] == flag]
        functions = [c_function(row[0], f"f{n}") for n, row in enumerate(chosen)]
        flags = [flag, "-mamx-tile"] if "amx" in flag else [flag]
        found = compiled(compiler, functions, flags if compiler == "gcc" else [f"-march={flag}"])
        wrong += [
            row[0] for n, row in enumerate(chosen) if not holds(found.get(f"f{n}", ""), row[1])
        ]
    return wrong


@needs_gcc
def test_x86_intrinsics():
    assert unconfirmed("gcc", "x86-simd.md") == []


@needs_gcc
def test_a_wrong_instruction_would_be_noticed():
    function = [c_function("__m256i _mm256_abs_epi8(__m256i a)", "f")]
    found = compiled("gcc", function, ["-mavx2"])["f"]
    assert holds(found, "vpabsb")
    assert not holds(found, "vpsadbw")
    assert compiled("gcc", function, ["-mno-avx2"]) == {}


@needs_arm
def test_arm_intrinsics():
    assert unconfirmed(ARM_GCC, "arm-simd.md") == []


@needs_arm
def test_the_sve_loop_compiles():
    (code,) = re.findall(r"```c\n(.*?)```", primer("arm-simd.md"), re.S)
    assert holds("".join(compiled(ARM_GCC, [code], ["-march=armv8-a+sve"]).values()), "whilelt")


# -- all -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(f.name for f in PRIMERS.iterdir() if f.suffix == ".md"))
def test_every_primer_names_its_sources(name):
    text = primer(name)
    assert text.startswith("# ")
    assert len(text.split("## Sources\n")[1]) > 80
