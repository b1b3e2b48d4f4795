"""Accounts: registering, signing in with a password or through a provider."""

from dataclasses import dataclass
from typing import Literal

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from auth.credentials import check_password, clean_email, clean_name
from auth.errors import EmailTaken, InvalidCredentials, InvalidInput, SubjectChanged
from auth.passwords import Passwords
from kit.clock import Clock
from kit.ids import new_id
from models.records import Session, SocialAccount, User

Role = Literal["BUYER", "OPERATOR"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a provider says somebody is. The e-mail must be one that the provider has verified."""

    issuer: str
    subject: str
    email: str
    name: str


class Accounts:
    """The people who can sign in. Needs Tortoise to be initialised."""

    def __init__(self, passwords: Passwords, clock: Clock) -> None:
        self._passwords = passwords
        self._clock = clock

    async def register(self, email: str, password: str, name: str, *, role: Role = "BUYER") -> User:
        """Make an account. A repeat is refused with EmailTaken.

        Raises:
            InvalidInput: naming the first field that is wrong; nothing was hashed.
            EmailTaken: also when only the case differs; nothing was written.
            HashingBusy: nothing was written.
        """
        address = clean_email(email)
        check_password(password)
        called = clean_name(name)
        if await User.exists(email=address):
            raise EmailTaken
        password_hash = await self._passwords.hash(password)
        try:
            return await User.create(
                id=new_id("usr"),
                email=address,
                name=called,
                password_hash=password_hash,
                role=role,
            )
        except IntegrityError:
            raise EmailTaken from None

    async def sign_in(self, email: str, password: str) -> User:
        """The account that e-mail and password belong to. Writes nothing.

        Takes as long for an unknown e-mail as for a known one.

        Raises:
            InvalidCredentials: whichever of the two is wrong.
            HashingBusy: nobody was checked.
        """
        try:
            address = clean_email(email)
            check_password(password)
        except InvalidInput:
            raise InvalidCredentials from None
        user = await User.get_or_none(email=address)
        known = user.password_hash if user is not None else None
        if not await self._passwords.verify(known, password) or user is None:
            raise InvalidCredentials
        return user

    async def sign_in_with(self, identity: Identity) -> User:
        """The account linked to a provider's account; the first time links or makes it.

        May be repeated, also at once: the same account is returned. Where an account with the
        verified e-mail exists, whoever registered it has never proved to own the address: its
        password and its sessions stop working when it is linked.

        Raises:
            InvalidInput: the provider's e-mail is none that we accept; nothing was written.
            SubjectChanged: the e-mail is linked to another subject of this issuer.
        """
        try:
            return await self._linked(identity) or await self._link(identity)
        except IntegrityError:
            # Another request made the account or the link between our look and our write.
            return await self._linked(identity) or await self._link(identity)

    async def _linked(self, identity: Identity) -> User | None:
        link = await SocialAccount.get_or_none(issuer=identity.issuer, subject=identity.subject)
        return await User.get(id=link.user_id) if link is not None else None

    async def _link(self, identity: Identity) -> User:
        address = clean_email(identity.email)
        async with in_transaction() as transaction:
            user = await User.select_for_update().using_db(transaction).get_or_none(email=address)
            if user is None:
                user = await User.create(
                    using_db=transaction,
                    id=new_id("usr"),
                    email=address,
                    name=_name_of(identity, address),
                )
            else:
                links = SocialAccount.filter(issuer=identity.issuer, user_id=user.id)
                link = await links.using_db(transaction).first()
                if link is not None and link.subject == identity.subject:
                    return user
                if link is not None:
                    raise SubjectChanged
                await self._disown(user, transaction)
            await SocialAccount.create(
                using_db=transaction,
                issuer=identity.issuer,
                subject=identity.subject,
                user_id=user.id,
            )
        return user

    async def _disown(self, user: User, transaction: BaseDBAsyncClient) -> None:
        """Take the account from whoever registered it without proving to own its address."""
        await User.filter(id=user.id).using_db(transaction).update(password_hash=None)
        living = Session.filter(user_id=user.id, revoked_at=None).using_db(transaction)
        await living.update(revoked_at=self._clock.now())


def _name_of(identity: Identity, address: str) -> str:
    try:
        return clean_name(identity.name)
    except InvalidInput:
        return address.partition("@")[0][:100]
