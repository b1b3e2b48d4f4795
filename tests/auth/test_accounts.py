"""Registering and signing in with a password."""

import asyncio
import time

import asyncpg
import pytest

from auth.accounts import Accounts
from auth.errors import EmailTaken, HashingBusy, InvalidCredentials, InvalidInput
from auth.passwords import Passwords
from kit.ids import is_id
from models.records import User

PASSWORD = "correct horse battery"


async def _rows(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM users"))


async def test_who_registers_can_sign_in(accounts: Accounts, email: str) -> None:
    made = await accounts.register(email, PASSWORD, " Ada Lovelace ")
    found = await accounts.sign_in(email, PASSWORD)
    assert is_id("usr", made.id)
    assert (found.id, found.email, found.name, found.role) == (
        made.id,
        email,
        "Ada Lovelace",
        "BUYER",
    )
    assert found.created_at.utcoffset() is not None


async def test_an_operator_is_registered_as_one(accounts: Accounts, email: str) -> None:
    made = await accounts.register(email, PASSWORD, "Op", role="OPERATOR")
    assert (await accounts.sign_in(email, PASSWORD)).role == made.role == "OPERATOR"


async def test_the_password_is_kept_as_argon2id_of_19_mib(accounts: Accounts, email: str) -> None:
    made = await accounts.register(email, PASSWORD, "Ada")
    assert made.password_hash is not None
    assert made.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_case_and_spaces_make_no_second_account(
    accounts: Accounts, email: str, pool: asyncpg.Pool
) -> None:
    await accounts.register(email, PASSWORD, "Ada")
    before = await _rows(pool)
    with pytest.raises(EmailTaken):
        await accounts.register(f"  {email.upper()} ", PASSWORD, "Eve")
    assert await _rows(pool) == before
    assert (await accounts.sign_in(f" {email.upper()} ", PASSWORD)).name == "Ada"


async def test_of_two_registering_at_once_one_gets_the_address(
    accounts: Accounts, email: str
) -> None:
    answers = await asyncio.gather(
        *(accounts.register(email, PASSWORD, f"Twin {number}") for number in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, User) for answer in answers) == 1
    assert sum(isinstance(answer, EmailTaken) for answer in answers) == 3


@pytest.mark.parametrize(
    "address",
    [
        "a" * 288 + "@example.com",
        "a" * 243 + "@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\n",
        "ada\x00@example.com",
        "ada@home@example.com",
        "ada",
        "@example.com",
        "ada@",
        "ada @example.com",
        "ada,eve@example.com",
        '"ada"@example.com',
        "ada..l@example.com",
        "ada@exam_ple.com",
        "ada@-example.com",
        "adä@example.com",
        "ada@example.com\u0130",
        "",
    ],
)
async def test_what_is_no_address_is_refused_and_writes_nothing(
    accounts: Accounts, pool: asyncpg.Pool, address: str
) -> None:
    before = await _rows(pool)
    with pytest.raises(InvalidInput) as refusal:
        await accounts.register(address, PASSWORD, "Ada")
    assert refusal.value.field == "email"
    with pytest.raises(InvalidCredentials):
        await accounts.sign_in(address, PASSWORD)
    assert await _rows(pool) == before


async def test_an_address_of_254_characters_is_accepted(accounts: Accounts, email: str) -> None:
    longest = f"{'a' * (254 - len(email))}{email}"
    assert (await accounts.register(longest, PASSWORD, "Ada")).email == longest


@pytest.mark.parametrize("password", ["abc", "seven77", "x" * 129, "x" * 10_000_000, "\ud800" * 8])
async def test_a_bad_password_is_refused_before_hashing(
    pool: asyncpg.Pool, accounts: Accounts, email: str, password: str
) -> None:
    before = await _rows(pool)
    started = time.perf_counter()
    with pytest.raises(InvalidInput) as refusal:
        await accounts.register(email, password, "Ada")
    with pytest.raises(InvalidCredentials):
        await accounts.sign_in(email, password)
    assert refusal.value.field == "password"
    assert time.perf_counter() - started < 1
    assert await _rows(pool) == before


@pytest.mark.parametrize("password", ["12345678", "x" * 128, "пароль-密码-🔑", "nul\x00inside"])
async def test_passwords_at_the_bounds_sign_in(
    accounts: Accounts, email: str, password: str
) -> None:
    made = await accounts.register(email, password, "Ada")
    assert (await accounts.sign_in(email, password)).id == made.id
    with pytest.raises(InvalidCredentials):
        await accounts.sign_in(email, password[:-1] + "y")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "A\x00da", "A\nda", "A\ud800", "A\u2028da"])
async def test_a_bad_name_is_refused(accounts: Accounts, email: str, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await accounts.register(email, PASSWORD, name)
    assert refusal.value.field == "name"
    assert not await User.exists(email=email)


async def test_wrong_password_and_unknown_address_get_the_same_words(
    accounts: Accounts, email: str
) -> None:
    await accounts.register(email, PASSWORD, "Ada")
    with pytest.raises(InvalidCredentials) as wrong:
        await accounts.sign_in(email, "wrong password")
    with pytest.raises(InvalidCredentials) as unknown:
        await accounts.sign_in(f"not-{email}", PASSWORD)
    assert str(wrong.value) == str(unknown.value)


async def test_an_account_without_a_password_cannot_be_signed_in_with_one(
    accounts: Accounts, email: str
) -> None:
    made = await accounts.register(email, PASSWORD, "Ada")
    await User.filter(id=made.id).update(password_hash=None)
    with pytest.raises(InvalidCredentials):
        await accounts.sign_in(email, PASSWORD)


async def test_an_unknown_address_costs_a_whole_hash(passwords: Passwords) -> None:
    known = await passwords.hash(PASSWORD)
    spent = {"known": 0.0, "unknown": 0.0}
    for _ in range(5):
        for which, password_hash in (("known", known), ("unknown", None)):
            started = time.perf_counter()
            assert not await passwords.verify(password_hash, "wrong password")
            spent[which] += time.perf_counter() - started
    # Skipping the hash would be a hundred times faster; half is what a busy machine may blur.
    assert spent["unknown"] > spent["known"] / 2


async def test_a_rush_beyond_the_queue_is_told_when_to_come_back() -> None:
    passwords = Passwords(waiting=3)
    answers = await asyncio.gather(
        *(passwords.hash(PASSWORD) for _ in range(5)), return_exceptions=True
    )
    busy = [answer for answer in answers if isinstance(answer, HashingBusy)]
    assert len(busy) == 2
    assert busy[0].retry_after_ms == 5_000
    assert await passwords.verify(await passwords.hash(PASSWORD), PASSWORD)
    passwords.close()


async def test_hashing_leaves_the_event_loop_free(passwords: Passwords) -> None:
    hashing = asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(8)))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    await hashing
    assert turns > 100
