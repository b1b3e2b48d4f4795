"""What the kernel says about a process: its CPU time and its memory."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024
# Places after the command's closing bracket.
_PARENT: Final = 1
_UTIME, _STIME = 11, 12
# The same of children that have ended and were waited for.
_ENDED_UTIME, _ENDED_STIME = 13, 14


def cpu_seconds(pid: int) -> float:
    """User and system time that it has used, all of its threads together."""
    fields = _fields(pid)
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS


def memory_kib(pid: int) -> int:
    """Resident memory; what the kernel keeps for its sockets is not part of it."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_KIB


def tree_cpu_seconds(roots: Iterable[int]) -> list[float]:
    """User and system time of each of these processes with all its descendants.

    To the nanosecond, but for what those used that have ended: that is known to a hundredth of a
    second.
    """
    children = _children_by_parent()
    return [_tree_cpu_seconds(root, children) for root in roots]


def children_of(pid: int) -> list[int]:
    """Its children, oldest first."""
    return sorted(_children_by_parent().get(pid, ()))


def _children_by_parent() -> dict[int, list[int]]:
    """Everything that runs here. Not every kernel tells a process's children."""
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_fields(int(entry.name))[_PARENT])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            found.setdefault(parent, []).append(int(entry.name))
    return found


def _tree_cpu_seconds(pid: int, children: Mapping[int, Sequence[int]]) -> float:
    below = sum(_tree_cpu_seconds(child, children) for child in children.get(pid, ()))
    try:
        fields = _fields(pid)
        own = sum(_on_processor_ns(task) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return below
    ended = (int(fields[_ENDED_UTIME]) + int(fields[_ENDED_STIME])) / _TICKS
    return below + own + ended


def _on_processor_ns(task: Path) -> int:
    """The first number of a thread's schedstat."""
    return int((task / "schedstat").read_text().split(maxsplit=1)[0])


def _fields(pid: int) -> list[str]:
    """proc(5), stat: what comes after the command's closing bracket."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
