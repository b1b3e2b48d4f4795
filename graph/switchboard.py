"""What all conversations and event streams of a process share."""

from dataclasses import dataclass

from graph.crowding import Crowding
from graph.deadlines import Deadlines
from graph.errands import Errands
from graph.execution import Execution
from graph.farewell import Farewell
from graph.groups import Groups
from graph.library import Library
from graph.open_sessions import OpenSessions
from kit.settings import Settings


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient we are with a socket, in seconds."""

    init_within: float = 10.0
    ping_every: float = 25.0
    drain_within: float = 30.0  # a client that reads nothing for so long is told to come back
    answer_within: float = 2.0  # for what runs when the session ends: logout itself, above all


class Switchboard:
    """One for each process, so that a conversation that is idle costs next to nothing."""

    def __init__(
        self,
        execution: Execution,
        groups: Groups,
        *,
        settings: Settings,
        library: Library,
        open_sessions: OpenSessions,
        crowding: Crowding,
        farewell: Farewell,
        pace: Pace | None = None,
    ) -> None:
        self.execution = execution
        self.make_context = execution.make_context
        self.metrics = execution.metrics
        self.groups = groups
        self.errands = Errands(execution)
        self.library = library
        self.open_sessions = open_sessions
        self.crowding = crowding
        self.farewell = farewell
        self.most_bytes = settings.body_bytes
        self.most_operations = settings.socket_operations
        self.pace = pace = pace or Pace()
        self.inits = Deadlines(pace.init_within)
        self.pings = Deadlines(pace.ping_every)
        self.drains = Deadlines(pace.drain_within)
