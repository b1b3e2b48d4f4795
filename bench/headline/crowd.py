"""The process that offers W2's load, told what to do by lines of JSON."""

import math
import sys
from pathlib import Path
from typing import Any

import orjson

from bench.headline.shoppers import KINDS, Shoppers
from bench.openloop.driver import Driver
from bench.openloop.load import Load
from bench.openloop.schedule import Stretch


class Crowd:
    """First it connects, then it offers its load, once."""

    def prepare(
        self,
        *,
        port: int,
        deals: list[str],
        tokens: str,
        stretches: list[list[Any]],
        connections: int,
        most_waiting: int,
        seed: int,
    ) -> dict[str, Any]:
        """Build the requests and connect."""
        self._seed = seed
        self._stretches = [Stretch(*stretch) for stretch in stretches]
        self._shoppers = Shoppers(
            deals=deals,
            tokens=Path(tokens).read_text().split(),
            seed=seed,
        )
        seconds = math.ceil(sum(stretch.seconds for stretch in self._stretches))
        self._load = Load(len(stretches), len(KINDS), seconds)
        self._driver = Driver(
            port,
            self._shoppers,
            self._load,
            connections=connections,
            most_waiting=most_waiting,
        )
        return {}

    def drive(self) -> dict[str, Any]:
        """Offer it all; what was counted, and what the answers said."""
        self._driver.run(self._stretches, seed=self._seed)
        return {"load": self._load.told(), "facts": self._shoppers.facts.told()}


def _serve() -> None:
    crowd = Crowd()
    for line in sys.stdin.buffer:
        order = orjson.loads(line)
        match order["do"]:
            case "prepare":
                answer = crowd.prepare(**order["with"])
            case "drive":
                answer = crowd.drive()
            case word:
                raise AssertionError(f"nobody knows how to {word}")
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
