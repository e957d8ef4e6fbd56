"""The GPU kernels as CUDA: NVIDIA's compilers take them for each generation; no GPU is needed."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import pytest

from hybridq_sector.gpu_passes import MANY_THREADS, SOURCE

TARGETS = ["80", "90"]
NAMES = set(re.findall(r"^KERNEL (\w+)\(", SOURCE.read_text(), re.MULTILINE))


@cache
def nvrtc() -> ctypes.CDLL | None:
    """NVIDIA's run-time compiler: of the system, of a wheel, or of a toolkit."""
    named = find_library("nvrtc")
    places = [Path(folder) / "nvidia" for folder in sys.path] + [Path("/usr/local")]
    found = [named] if named else []
    for place in places:
        found += [str(p) for p in sorted(place.glob("*/lib*/libnvrtc.so.*"), reverse=True)]
    for name in found:
        try:
            for part in Path(name).parent.glob(
                "libnvrtc-builtins.so.*"
            ):  # wheels keep it where the loader does not look
                ctypes.CDLL(str(part), ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def compile_to_ptx(library: ctypes.CDLL, options: tuple[str, ...], target: str) -> str:
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    source = SOURCE.read_bytes()
    assert library.nvrtcCreateProgram(ctypes.byref(program), source, b"gpu_kernels.cu", 0, None, None) == 0
    words = [word.encode() for word in ("-std=c++14", *options, f"-arch=compute_{target}")]
    code = library.nvrtcCompileProgram(program, len(words), (ctypes.c_char_p * len(words))(*words))
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    assert code == 0, log.value.decode()
    library.nvrtcGetPTXSize(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    library.nvrtcGetPTX(program, text)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return text.value.decode()


@pytest.mark.parametrize("options", [("-DPLANES=1", "-DNARROW=1"), ("-DPLANES=2", "-DNARROW=0")], ids=" ".join)
@pytest.mark.parametrize("target", TARGETS)
def test_the_run_time_compiler_takes_every_kernel(options, target):
    library = nvrtc()
    if library is None:
        pytest.skip("NVRTC is not installed")
    ptx = compile_to_ptx(library, options, target)
    assert set(re.findall(r"\.entry (\w+)\(", ptx)) == NAMES


@pytest.mark.parametrize("options", [("-DPLANES=1", "-DNARROW=1"), ("-DPLANES=2", "-DNARROW=0")], ids=" ".join)
@pytest.mark.parametrize("target", TARGETS)
def test_every_kernel_fits_the_registers_of_its_largest_block_without_spilling(options, target, tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not installed")
    words = [*options, f"-arch=sm_{target}", "-Xptxas", "-v", "-cubin", "-o", str(tmp_path / "kernels.cubin")]
    done = subprocess.run([nvcc, *words, str(SOURCE)], capture_output=True, text=True, check=True)
    registers = [int(x) for x in re.findall(r"Used (\d+) registers", done.stderr)]
    assert len(registers) == len(NAMES)
    assert max(registers) * MANY_THREADS <= 65536
    assert set(re.findall(r"(\d+) bytes spill stores", done.stderr)) == {"0"}
