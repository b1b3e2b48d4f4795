"""The local floor: what this process counts by itself while Redis is out of reach."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from admission.figures import Figures

# At about 300 bytes each: 6 MB. Beyond it the subject seen longest ago is forgotten.
MOST_SUBJECTS = 20_000
# As the script in Redis counts: the oldest slice in full.
SLICES = 20


@dataclass(slots=True)
class _Window:
    total: int = 0
    attempts: dict[int, int] = field(default_factory=dict)  # by slice, the oldest first


class LocalFloor:
    """A sliding window per subject, in the memory of one process."""

    def __init__(self, now_seconds: Callable[[], float]) -> None:
        self._now_seconds = now_seconds
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def admit(self, subject: str, cost: int, figures: Figures) -> int:
        """0 when admitted, else after how many ms the next try could be; a refusal costs nothing.

        A negative cost gives attempts back.
        """
        now_ms = self._now_seconds() * 1000
        length_ms = math.ceil(figures.window_ms / SLICES)
        present = int(now_ms // length_ms)
        window = self._windows.setdefault(subject, _Window())
        self._windows.move_to_end(subject)
        if len(self._windows) > MOST_SUBJECTS:
            self._windows.popitem(last=False)
        for slice_ in list(window.attempts):
            if (slice_ + 1) * length_ms > now_ms - figures.window_ms:
                break
            window.total -= window.attempts.pop(slice_)
        wait_ms = 0
        left = window.total + cost - figures.burst
        for slice_, attempts in window.attempts.items():
            if left <= 0:
                break
            left -= attempts
            wait_ms = math.ceil((slice_ + 1) * length_ms + figures.window_ms - now_ms)
        if wait_ms > 0:
            return wait_ms
        # What is given back was counted a moment ago, maybe in the slice before.
        counted = present if cost > 0 else next(reversed(window.attempts), present)
        window.attempts[counted] = window.attempts.get(counted, 0) + cost
        window.total += cost
        return 0
