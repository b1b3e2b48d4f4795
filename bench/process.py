"""What the kernel says about a process: its CPU time and its memory."""

import os
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024
# proc(5): after the command's closing bracket, utime and stime are the 12th and 13th fields.
_UTIME, _STIME = 11, 12


def cpu_seconds(pid: int) -> float:
    """User and system time that it has used, all of its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS


def memory_kib(pid: int) -> int:
    """Resident memory; what the kernel keeps for its sockets is not part of it."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_KIB
