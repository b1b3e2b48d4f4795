"""A few values a second of each key, the newest in the end, urgent ones at once."""

from notifications.conflation import Conflation
from tests.subscriptions.listening import until

OFTEN = 20.0  # a second
NEVER = 0.001


class Told:
    def __init__(self, *, per_second: float) -> None:
        self.values: list[tuple[str, int]] = []
        self.conflation: Conflation[int] = Conflation(self._hear, per_second=per_second)

    def _hear(self, key: str, value: int) -> None:
        self.values.append((key, value))


async def test_the_first_value_goes_out_at_once_and_the_newest_after_a_pause() -> None:
    told = Told(per_second=OFTEN)
    for value in range(100):
        told.conflation.offer("a", value, urgent=False)
    assert told.values == [("a", 0)]
    await until(lambda: len(told.values) == 2)
    assert told.values[-1] == ("a", 99)


async def test_each_key_has_a_pace_of_its_own() -> None:
    told = Told(per_second=NEVER)
    told.conflation.offer("a", 1, urgent=False)
    told.conflation.offer("b", 2, urgent=False)
    assert told.values == [("a", 1), ("b", 2)]


async def test_an_urgent_value_does_not_wait_and_what_waited_is_dropped() -> None:
    told = Told(per_second=OFTEN)
    for value, urgent in ((1, False), (2, False), (3, True)):
        told.conflation.offer("a", value, urgent=urgent)
    assert told.values == [("a", 1), ("a", 3)]
    told.conflation.offer("a", 4, urgent=False)
    await until(lambda: len(told.values) == 3)
    assert told.values[-1] == ("a", 4)


async def test_nothing_is_kept_of_a_key_that_is_forgotten() -> None:
    told = Told(per_second=NEVER)
    for value in (1, 2):
        told.conflation.offer("a", value, urgent=False)
    told.conflation.forget("a")
    assert len(told.conflation) == 0
    told.conflation.offer("a", 3, urgent=False)
    assert told.values == [("a", 1), ("a", 3)]
