"""Thousands of subscribers in one process, told what to do by lines of JSON on standard input."""

import resource
import select
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from bench.assistant import answer_lines
from bench.figures import percentile
from bench.member import Member, Stage
from bench.news import Reader, stale

# Each has its own range of ports.
_SOURCES: Final = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
_TURN_SECONDS: Final = 0.05
_EVENTS_A_TURN: Final = 1024
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class Crowd:
    """The members and the loop that reads for them."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._members: dict[int, Member] = {}
        self._ended: list[Member] = []
        self._reader = Reader()

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command; what came of it."""
        match command["do"]:
            case "connect":
                return self._connect(**command["with"])
            case "reset":
                for member in self._members.values():
                    member.reset()
                self._ended.clear()
                return {}
            case "tell":
                return self._tell()
            case "until_final":
                return self._until_final(**command["with"])
            case "stall":
                return self._stall(**command["with"])
            case "cut":
                return self._cut()
            case word:
                raise AssertionError(f"nobody knows how to {word}")

    def turn(self, seconds: float) -> None:
        """Read what has come, and wait at most so long for something to come."""
        happened = self._epoll.poll(seconds, _EVENTS_A_TURN)
        for number, mask in happened:
            member = self._members[number]
            if mask & _WRITE:
                member.connected()
                if member.stage is not Stage.CLOSED:
                    self._epoll.modify(number, _READ)
            else:
                # Now, not when the turn began: a member's news age while others are served.
                member.read(time.time())
            if member.stage is Stage.CLOSED:
                # The kernel forgets a descriptor when it is closed.
                self._ended.append(self._members.pop(number))

    def _connect(
        self, *, port: int, count: int, topics: list[str], at_once: int, seconds: float
    ) -> dict[str, Any]:
        """Bring `count` members in, `at_once` at a time, until each has heard of its deal."""
        began = time.monotonic()
        target = len(self._members) + len(self._ended) + count
        waiting: list[Member] = []
        while time.monotonic() - began < seconds:
            room = min(at_once - len(waiting), target - len(self._members) - len(self._ended))
            waiting += [self._new(port, number, topics) for number in range(max(room, 0))]
            self.turn(_TURN_SECONDS)
            waiting = [one for one in waiting if one.stage not in {Stage.LIVE, Stage.CLOSED}]
            if not waiting and len(self._members) + len(self._ended) >= target:
                break
        live = sum(member.stage is Stage.LIVE for member in self._members.values())
        return {"live": live, "seconds": time.monotonic() - began, "ended": self._endings()}

    def _new(self, port: int, number: int, topics: list[str]) -> Member:
        turn = len(self._members) + number
        member = Member(
            ("127.0.0.1", port),
            source=_SOURCES[turn % len(_SOURCES)],
            topic=topics[len(self._members) % len(topics)],
            reader=self._reader,
        )
        self._members[member.socket.fileno()] = member
        self._epoll.register(member.socket.fileno(), _WRITE)
        return member

    def _tell(self) -> dict[str, Any]:
        """What was heard since the last reset, of the members that read."""
        reading = [member for member in self._members.values() if not member.stalled]
        ages = array("d")
        for member in reading:
            ages.extend(member.ages_ms)
        ordered = sorted(ages)
        return {
            "live": sum(member.stage is Stage.LIVE for member in reading),
            "events": sum(member.events for member in reading),
            "fewest": min((member.events for member in reading), default=0),
            "most": max((member.events for member in reading), default=0),
            "backwards": sum(m.backwards for m in (*self._members.values(), *self._ended)),
            "age_p50_ms": percentile(ordered, 0.5),
            "age_p99_ms": percentile(ordered, 0.99),
            "age_max_ms": ordered[-1] if ordered else None,
            "ended": self._endings(),
        }

    def _until_final(self, *, finals: dict[str, list[Any]], seconds: float) -> dict[str, Any]:
        """Read until every member that reads holds the final news of its deal, or time is up."""
        began = time.monotonic()
        for _ in self._turns(seconds):
            held = [member.news for member in self._members.values() if not member.stalled]
            left = stale(held, finals)
            if not left:
                break
        return {
            "members": len(held),
            "stale": len(left),
            "examples": [repr(news) for news in left[:3]],
            "seconds": time.monotonic() - began,
        }

    def _turns(self, seconds: float) -> Iterator[None]:
        """Once now and after each stretch of reading, until time is up."""
        limit = time.monotonic() + seconds
        while True:
            yield
            if time.monotonic() > limit:
                return
            until = time.monotonic() + _TURN_SECONDS
            while time.monotonic() < until:
                self.turn(_TURN_SECONDS)

    def _stall(self, *, count: int, topic: str) -> dict[str, Any]:
        """Let so many members of a topic read nothing more; with 0, all of them read again."""
        for number, member in list(self._members.items()):
            if member.topic != topic:
                continue
            if count and not member.stalled and member.stage is Stage.LIVE:
                self._epoll.unregister(number)
                member.stalled = True
                count -= 1
            elif not count and member.stalled:
                self._epoll.register(number, _READ)
                member.stalled = False
        return {"stalled": sum(member.stalled for member in self._members.values())}

    def _cut(self) -> dict[str, Any]:
        """End all of them with a reset, one after another without a pause."""
        count = len(self._members)
        for member in self._members.values():
            member.cut()
        self._members.clear()
        self._ended.clear()
        return {"cut": count}

    def _endings(self) -> dict[str, int]:
        """How many members were sent away or cut off, by code and reason."""
        return dict(Counter(f"{member.code} {member.trouble}" for member in self._ended))


def main() -> None:
    """Serve commands until standard input ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    crowd = Crowd()
    read: Callable[[float], None] = crowd.turn
    answer_lines(sys.stdin.fileno(), sys.stdout.fileno(), crowd.do, meanwhile=read)


if __name__ == "__main__":
    main()
