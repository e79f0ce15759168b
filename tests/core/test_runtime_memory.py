"""What training frees stays with the process: large blocks are not zeroed anew at every use."""

import platform
import subprocess
import sys

CODE = """
import resource, torch
from mesocore.core import runtime
size = 64 * 2**20  # bytes
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
runtime.setup()  # goes through with any C library
for _ in range(40):
    if _ == 32:  # the heap has grown by then: it takes some 10 to 20 of them
        before = faults()
    torch.empty(size, dtype=torch.uint8).fill_(1)
print((faults() - before) / (size // resource.getpagesize()))
"""


def test_a_large_block_is_fetched_from_the_kernel_once():
    """In a process of its own: what other tests have freed would be in the way."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    times = float(done.stdout)  # 8 if every block comes from the kernel
    assert times < 4 or platform.libc_ver()[0] != "glibc"
