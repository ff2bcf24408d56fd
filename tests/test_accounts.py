"""Who may sit at the desk: passwords, sessions and their ends."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import migrations
from bot.desk.accounts import (
    IDLE,
    LONGEST,
    WITHIN,
    AccountError,
    Accounts,
    NoAccountError,
    RefusedError,
    TooManyAttemptsError,
)
from bot.store import Store, connect
from bot.tables import Role
from tests.conftest import PASSWORD


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def accounts(tmp_path: Path, clock: Clock) -> AsyncIterator[Accounts]:
    url = f"sqlite:///{tmp_path}/neuvo.sqlite3"
    migrations.upgrade(url)
    store = Store(connect(url))
    made = Accounts(store, clock)
    await made.add("amina@espoo.fi", "Amina", PASSWORD, Role.ADVISOR, ["fi", "ckb"])
    yield made
    await store.close()


async def test_the_right_password_opens_a_session(accounts: Accounts) -> None:
    token = await accounts.sign_in("amina@espoo.fi", PASSWORD, "fi")
    found = await accounts.session(token)
    assert found is not None
    assert (found.advisor.name, found.advisor.languages) == ("Amina", ["fi", "ckb"])
    assert token not in (found.session.id, found.session.csrf)
    assert PASSWORD not in found.advisor.password
    assert found.advisor.password.startswith("$argon2id$")


@pytest.mark.parametrize(("login", "password"), [("amina@espoo.fi", "wrong"), ("nobody@espoo.fi", PASSWORD), ("", "")])
async def test_a_wrong_password_and_an_unknown_login_are_refused_alike(accounts: Accounts, login: str, password: str) -> None:
    with pytest.raises(RefusedError):
        await accounts.sign_in(login, password, "fi")


async def test_after_five_wrong_passwords_even_the_right_one_waits(accounts: Accounts, clock: Clock) -> None:
    for _attempt in range(5):
        with pytest.raises(RefusedError):
            await accounts.sign_in("amina@espoo.fi", "wrong", "fi")
    with pytest.raises(TooManyAttemptsError):
        await accounts.sign_in("amina@espoo.fi", PASSWORD, "fi")
    clock.now += WITHIN
    assert await accounts.sign_in("amina@espoo.fi", PASSWORD, "fi")


async def test_who_is_vouched_for_gets_a_session_even_while_passwords_wait(accounts: Accounts) -> None:
    for _attempt in range(5):
        with pytest.raises(RefusedError):
            await accounts.sign_in("amina@espoo.fi", "wrong", "fi")
    found = await accounts.session(await accounts.sign_in_vouched("AMINA@espoo.fi", "sv"))
    assert found is not None
    assert (found.advisor.name, found.session.language) == ("Amina", "sv")


async def test_an_address_that_only_looks_like_a_login_or_fits_two_is_nobodys(accounts: Accounts) -> None:
    await accounts.add("mikko@espoo.fi", "Mikko", None, Role.ADVISOR, ["fi"])
    assert await accounts.sign_in_vouched("mikko@espoo.fi", "fi")
    await accounts.add("Amina@espoo.fi", "Amina", None, Role.ADVISOR, ["fi"])
    for address in ("mi\N{KELVIN SIGN}ko@espoo.fi", "amina@espoo.fi", "nobody@espoo.fi", f"{'long' * 40}@espoo.fi"):
        with pytest.raises(NoAccountError):
            await accounts.sign_in_vouched(address, "fi")


async def test_who_is_not_vouched_for_loses_no_password(accounts: Accounts) -> None:
    for _attempt in range(6):
        await accounts.not_vouched("amina@espoo.fi")
    assert await accounts.sign_in("amina@espoo.fi", PASSWORD, "fi")


async def test_a_session_ends_when_nothing_is_done_and_at_last_after_a_day_at_work(accounts: Accounts, clock: Clock) -> None:
    token = await accounts.sign_in("amina@espoo.fi", PASSWORD, "fi")
    clock.now += IDLE - timedelta(minutes=1)
    assert await accounts.session(token, seen=False)  # the page beats by itself: nobody did anything
    clock.now += timedelta(minutes=2)
    assert await accounts.session(token) is None
    token = await accounts.sign_in("amina@espoo.fi", PASSWORD, "fi")
    for _hour in range(int(LONGEST / timedelta(hours=1))):
        clock.now += timedelta(hours=1)
        assert await accounts.session(token)
    clock.now += timedelta(minutes=1)
    assert await accounts.session(token) is None


async def test_signing_out_ends_one_session_or_all(accounts: Accounts) -> None:
    first, second, third = [await accounts.sign_in("amina@espoo.fi", PASSWORD, "fi") for _ in range(3)]
    found = await accounts.session(first)
    assert found
    await accounts.sign_out(found)
    assert await accounts.session(first) is None
    found = await accounts.session(second)
    assert found
    await accounts.sign_out(found, everywhere=True)
    assert await accounts.session(second) is None
    assert await accounts.session(third) is None


@pytest.mark.parametrize(
    ("login", "password", "words"), [("amina@espoo.fi", PASSWORD, "another login"), ("b@espoo.fi", "short", "at least 12")]
)
async def test_an_account_that_cannot_be_made_says_why(accounts: Accounts, login: str, password: str, words: str) -> None:
    with pytest.raises(AccountError, match=words):
        await accounts.add(login, "B", password, Role.ADVISOR, ["fi"])
