"""Shared libraries that answer as NVIDIA's driver and its management library do, made by the C compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

CC = shutil.which("cc")

CUDA = r"""
#include <stdio.h>
#include <string.h>
#include <stddef.h>
static int started = 0;
int cuInit(unsigned flags) { if (INIT == 0 && flags == 0) started = 1; return INIT; }
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuDeviceGetCount(int *count) { if (!started) return 3; *count = COUNT; return 0; }
int cuDeviceGet(int *device, int ordinal) {
    if (!started || ordinal < 0 || ordinal >= COUNT) return 101;
    *device = ordinal + 7;  /* a handle is no ordinal */
    return 0;
}
int cuDeviceGetName(char *name, int length, int device) {
    if (device < 7) return 101;
    snprintf(name, length, "Test GPU %d", device - 7);
    return 0;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    if (device < 7) return 101;
    *bytes = ((size_t)40 << 30) * (device - 6);
    return MEMORY_CODE;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (device < 7) return 101;
    *value = attribute == 75 ? 9 : attribute == 76 ? device - 7 : -1;
    return 0;
}
int cuGetErrorName(int code, const char **name) {
    if (code == 100) *name = "CUDA_ERROR_NO_DEVICE";
    else if (code == 803) *name = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH";
    else { *name = NULL; return 1; }
    return 0;
}
#ifdef UUID
int cuDeviceGetUuid_v2(unsigned char *uuid, int device) { memset(uuid, 0xa0 + device - 7, 16); return 0; }
#endif
"""

NVML = r"""
#include <string.h>
static int open = 0;
int nvmlInit_v2(void) { open++; return 0; }
int nvmlShutdown(void) { open--; return 0; }
int nvmlSystemGetDriverVersion(char *version, unsigned length) { strncpy(version, "580.65.06", length); return 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    if (!open) return 1;
    if (!strcmp(uuid, "GPU-a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0")) { *device = (void *)1; return 0; }
    if (!strcmp(uuid, "MIG-a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1")) { *device = (void *)2; return 0; }
    return 6;
}
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *sizes) {
    sizes[0] = 100;
    sizes[1] = 1000ull * (unsigned long long)device;
    sizes[2] = 50;
    return 0;
}
int still_open(void) { return open; }
"""


def compiled(folder: Path, name: str, source: str, **macros: int) -> str:
    """Path of a new shared library."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.c").write_text(source)
    library = folder / f"lib{name}.so"
    flags = [f"-D{key}={value}" for key, value in macros.items()]
    subprocess.run([CC, "-shared", "-fPIC", *flags, "-o", library, folder / f"{name}.c"], check=True)
    return str(library)


def driver(
    folder: Path, *, init: int = 0, version: int = 13000, count: int = 2, memory_code: int = 0, **more: int
) -> str:
    """A driver's library: error of cuInit, 1000 * major + 10 * minor of CUDA, GPUs, error of cuDeviceTotalMem."""
    name = f"cuda_{init}_{version}_{count}_{memory_code}"
    macros = {"INIT": init, "VERSION": version, "COUNT": count, "MEMORY_CODE": memory_code, **more}
    return compiled(folder, name, CUDA, **macros)
