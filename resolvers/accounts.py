"""Accounts: registering, signing in and out."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from graph.context import Info
from models import records
from resolvers.described import field, mutation
from resolvers.node import Node
from resolvers.refusals import EmailTaken, InvalidCredentials, InvalidInput


@strawberry.type(description="Somebody who can sign in.")
class User(Node):
    email: str = strawberry.field(description="In lower case.")
    name: str = strawberry.field(description="What to call them.")
    created_at: datetime = strawberry.field(description="When they registered.")

    @classmethod
    def of(cls, user: records.User) -> "User":
        """An account as its owner sees it."""
        return cls(
            id=strawberry.ID(user.id),
            email=user.email,
            name=user.name,
            created_at=user.created_at,
        )


@strawberry.type(description="You are signed in.")
class Session:
    token: str = strawberry.field(
        description="Send it as `Authorization: Bearer <token>`. It is shown only here."
    )
    expires_at: datetime = strawberry.field(description="When it stops working.")
    user: User = strawberry.field(description="Who you are.")


RegisterResult: TypeAlias = Annotated[
    Session | EmailTaken | InvalidInput,
    strawberry.union("RegisterResult", description="A session, or why not."),
]
LoginResult: TypeAlias = Annotated[
    Session | InvalidCredentials,
    strawberry.union("LoginResult", description="A session, or why not."),
]


@strawberry.input(description="Makes an account.")
class RegisterInput:
    email: str = strawberry.field(description="At most 254 characters; upper case does not count.")
    password: str = strawberry.field(description="8 to 128 characters.")
    name: str = strawberry.field(description="What to call you, 1 to 100 characters.")


@strawberry.input(description="Signs in.")
class LoginInput:
    email: str = strawberry.field(description="The account's e-mail address.")
    password: str = strawberry.field(description="Its password.")


async def find_viewer(info: Info) -> User | None:
    """Who is signed in; None when nobody is."""
    viewer = await info.context.viewer_or_none()
    if viewer is None:
        return None
    user = await records.User.get_or_none(id=viewer.user_id)
    return None if user is None else User.of(user)


@strawberry.type
class AccountQuery:
    """The query about the viewer."""

    @field("Who you are; null when you are not signed in.")
    async def me(self, info: Info) -> User | None:
        """Find the viewer."""
        return await find_viewer(info)


@strawberry.type
class AccountMutation:
    """The mutations of accounts and sessions."""

    @mutation("Make an account and sign in.")
    async def register(
        self,
        info: Info,
        given: Annotated[
            RegisterInput, strawberry.argument(name="input", description="Who you are.")
        ],
    ) -> RegisterResult:
        """Register, limited by address alone: the account does not exist yet."""
        await info.context.admit("sign_in")
        user = await info.context.resources.accounts.register(
            given.email, given.password, given.name
        )
        return await _signed_in(info, user)

    @mutation("Sign in. RATE_LIMITED when it is tried too often, whoever it is.")
    async def login(
        self,
        info: Info,
        given: Annotated[LoginInput, strawberry.argument(name="input", description="Who you are.")],
    ) -> LoginResult:
        """Sign in; attempts count per e-mail, whether an account has it or not."""
        await info.context.admit("sign_in", buyer=given.email.strip(" ").lower())
        user = await info.context.resources.accounts.sign_in(given.email, given.password)
        return await _signed_in(info, user)

    @mutation(
        "Sign out: this session's token and its sockets stop working at once. False when "
        "nobody was signed in."
    )
    async def logout(self, info: Info) -> bool:
        """End the viewer's session, here at once and elsewhere by an event."""
        context = info.context
        context.sign_out_browser()
        viewer = await context.viewer_or_none()
        if viewer is None:
            return False
        ended = await context.resources.sessions.revoke(viewer.token_hash)
        try:  # others first: our own end may be this very request's
            context.resources.announcer.session(viewer.token_hash)
        finally:
            context.hub.end_session(viewer.token_hash)
        return ended


async def _signed_in(info: Info, user: records.User) -> Session:
    token, expires_at = await info.context.resources.sessions.open(user.id)
    info.context.sign_in_browser(token, expires_at)
    return Session(token=token, expires_at=expires_at, user=User.of(user))
