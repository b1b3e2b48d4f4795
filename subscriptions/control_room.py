"""controlRoomChanged: a sale at a glance, every two seconds."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

import strawberry

from graph.context import OPERATOR, ApiError, Info
from resolvers.control_room import ControlRoom
from resolvers.described import subscription
from subscriptions.patience import patiently

BEAT_SECONDS: Final = 2.0


@strawberry.type
class ControlRoomSubscription:
    """The operators' subscription to everything at once."""

    @subscription("A sale at a glance, now and every 2 s. Operators only.", shared="SESSION")
    async def control_room_changed(self, info: Info) -> AsyncGenerator[ControlRoom, None]:
        """Push the figures for as long as the session is an operator's."""
        await info.context.operator()
        room = info.context.resources.control_room
        while True:
            info.context.tell_of("control room")
            yield ControlRoom.of(await patiently(room.look))
            if info.context.present_only:
                return
            await asyncio.sleep(BEAT_SECONDS)
            await patiently(partial(_still_operator, info))


async def _still_operator(info: Info) -> None:
    """Ask anew: the context remembers who signed in, and a role or a session may be taken away.

    Raises:
        auth.errors.Unauthenticated, ApiError: the session is over, or no operator's any more.
    """
    viewer = await info.context.resources.sessions.viewer(info.context.request.token or "")
    if viewer.role != OPERATOR:
        raise ApiError("FORBIDDEN", "Only operators may do this.")
