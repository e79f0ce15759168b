"""What training frees stays with the process: large blocks are not zeroed anew at every use."""

import platform
import resource

import torch

from mesocore.core import runtime

SIZE = 64 * 2**20  # bytes
PAGES = SIZE // resource.getpagesize()


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def test_a_large_block_is_fetched_from_the_kernel_once():
    runtime.setup()  # goes through with any C library
    before = faults()
    for _ in range(8):
        torch.empty(SIZE, dtype=torch.uint8).fill_(1)
    times = (faults() - before) / PAGES  # 8 if every block comes from the kernel
    assert times < 4 or platform.libc_ver()[0] != "glibc"
