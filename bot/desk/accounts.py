"""Who may sit at the desk: accounts, sign-in, sessions.

Passwords are hashed with Argon2id (argon2-cffi's defaults, RFC 9106's low-memory profile). Sessions live in the database and end
after `IDLE` without a page being opened, and `LONGEST` after sign-in. What a provider says of somebody never counts against
their password: otherwise whoever claims their address there could lock them out.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store import Store
from bot.tables import Advisor, DeskSession, Presence, Role, SignIn, now

IDLE, LONGEST = timedelta(hours=2), timedelta(hours=12)
SEEN = timedelta(minutes=1)
"""How exactly it is kept when something was last done in a session: not every page is a write."""
FAILURES, WITHIN = 5, timedelta(minutes=15)
"""So many wrong passwords for one login within this time, and no attempt counts until it is over."""
SHORTEST_PASSWORD = 12
LONGEST_LOGIN = 64
"""Characters of a login that are kept."""

_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_hex())


class AccountError(Exception):
    """An account cannot be made; the message says why and what to do."""


class RefusedError(Exception):
    """The login or the password is wrong."""


class NoAccountError(Exception):
    """The provider vouches for an e-mail address that no account has."""


class TooManyAttemptsError(Exception):
    """There were too many wrong passwords for this login; try again later."""


@dataclass(frozen=True)
class SignedIn:
    """An advisor with their session."""

    advisor: Advisor
    session: DeskSession


def _id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _belongs(email: str, login: str) -> bool:
    # Folding makes ASCII letters of some others, such as the Kelvin sign: an address with one is somebody else's.
    return email == login or (email.isascii() and email.casefold() == login.casefold())


def _begin(session: AsyncSession, advisor: Advisor, language: str, at: datetime) -> str:
    """Begin a session of the desk; its token."""
    token = secrets.token_urlsafe(32)
    session.add(
        DeskSession(
            id=_id(token),
            advisor_id=advisor.id,
            csrf=secrets.token_urlsafe(24),
            language=language,
            created_at=at,
            seen_at=at,
        )
    )
    return token


class Accounts:
    """The advisors and their sessions."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock

    async def add(self, login: str, name: str, password: str | None, role: Role, languages: Iterable[str]) -> None:
        """Make an account; without a password only a provider opens it, who vouches for its login as an e-mail address.

        Raises:
            AccountError: the login is taken, or the password too short; or there is neither a password nor an e-mail address.
        """
        if password is None:
            if "@" not in login:
                raise AccountError(f"{login!r} is no e-mail address: only an e-mail address can be vouched for by a provider")
            password = secrets.token_hex()  # which nobody learns
        if len(password) < SHORTEST_PASSWORD:
            raise AccountError(f"the password has {len(password)} characters; at least {SHORTEST_PASSWORD} are needed")
        async with self._store.transaction() as session:
            if (await session.execute(select(Advisor.id).where(Advisor.login == login))).scalar_one_or_none():
                raise AccountError(f"there is an account {login!r} already; choose another login")
            session.add(
                Advisor(
                    login=login,
                    name=name,
                    password=_hasher.hash(password),
                    role=role.value,
                    languages=list(languages),
                    presence=Presence.AWAY.value,
                )
            )

    async def everyone(self) -> Sequence[Advisor]:
        """All advisors, by name."""
        async with self._store.reading() as session:
            return (await session.execute(select(Advisor).order_by(Advisor.name))).scalars().all()

    async def sign_in(self, login: str, password: str, language: str) -> str:
        """Begin a session; the token for its cookie. Every attempt is kept.

        Raises:
            TooManyAttemptsError: too many wrong passwords lately; this one was not looked at.
            RefusedError: the login or the password is wrong.
        """
        at = self._clock()
        async with self._store.transaction() as session:
            wrong = (SignIn.login == login, ~SignIn.succeeded, ~SignIn.oidc, SignIn.at > at - WITHIN)
            if (await session.execute(select(func.count()).where(*wrong))).scalar_one() >= FAILURES:
                raise TooManyAttemptsError
            advisor = (await session.execute(select(Advisor).where(Advisor.login == login))).scalar_one_or_none()
            succeeded = self._right(advisor.password if advisor else _NOBODY, password) and advisor is not None
            session.add(SignIn(at=at, login=login, succeeded=succeeded))
            token = _begin(session, advisor, language, at) if succeeded and advisor is not None else None
        if token is None:
            raise RefusedError
        return token

    async def sign_in_vouched(self, email: str, language: str) -> str:
        """Begin a session for whom a provider vouches by e-mail address; the token for its cookie. Every attempt is kept.

        Raises:
            NoAccountError: the address is nobody's, or that of two accounts whose logins differ in capitals alone.
        """
        at = self._clock()
        async with self._store.transaction() as session:
            # In Python, because SQLite folds ASCII letters alone and PostgreSQL as its locale does.
            everyone = (await session.execute(select(Advisor))).scalars()
            found = [advisor for advisor in everyone if _belongs(email, advisor.login)]
            token = _begin(session, found[0], language, at) if len(found) == 1 else None
            login = found[0].login if token else email[:LONGEST_LOGIN]
            session.add(SignIn(at=at, login=login, succeeded=token is not None, oidc=True))
        if token is None:
            raise NoAccountError
        return token

    async def not_vouched(self, email: str = "") -> None:
        """Keep an attempt for which a provider did not vouch; `email` is the address it gave, if any, unconfirmed."""
        async with self._store.transaction() as session:
            session.add(SignIn(at=self._clock(), login=email[:LONGEST_LOGIN], succeeded=False, oidc=True))

    @staticmethod
    def _right(hash: str, password: str) -> bool:
        try:
            return _hasher.verify(hash, password)
        except VerificationError:
            return False

    async def session(self, token: str, seen: bool = True) -> SignedIn | None:
        """Who this cookie belongs to, if the session still holds; `seen` says that the advisor did something just now."""
        at = self._clock()
        async with self._store.reading() as session:
            query = select(DeskSession, Advisor).join(Advisor).where(DeskSession.id == _id(token))
            found = (await session.execute(query)).one_or_none()
        if found is None:
            return None
        desk, advisor = found
        if desk.seen_at < at - IDLE or desk.created_at < at - LONGEST:
            await self._store.write(delete(DeskSession).where(DeskSession.id == desk.id))
            return None
        if seen and desk.seen_at < at - SEEN:
            await self._store.write(update(DeskSession).where(DeskSession.id == desk.id).values(seen_at=at))
        return SignedIn(advisor, desk)

    async def at_desk(self, advisor_id: int) -> None:
        """The advisor's page is open now."""
        await self._change(advisor_id, seen_at=self._clock())

    async def set_presence(self, advisor_id: int, presence: Presence) -> None:
        """Free, busy or away."""
        await self._change(advisor_id, presence=presence.value, seen_at=self._clock())

    async def _change(self, advisor_id: int, **values: object) -> None:
        await self._store.write(update(Advisor).where(Advisor.id == advisor_id).values(**values))

    async def set_language(self, session_id: str, language: str) -> None:
        """The language in which the desk is shown in this session."""
        await self._store.write(update(DeskSession).where(DeskSession.id == session_id).values(language=language))

    async def set_filter(self, session_id: str, language: str | None, topic: str | None) -> None:
        """Which language and topic the queue shows in this session; None: all."""
        values = {"only_language": language, "only_topic": topic}
        await self._store.write(update(DeskSession).where(DeskSession.id == session_id).values(**values))

    async def sign_out(self, signed_in: SignedIn, everywhere: bool = False) -> None:
        """End this session, or all of this advisor's."""
        mine = DeskSession.advisor_id == signed_in.advisor.id if everywhere else DeskSession.id == signed_in.session.id
        async with self._store.transaction() as session:
            await session.execute(delete(DeskSession).where(mine))
            await session.execute(update(Advisor).where(Advisor.id == signed_in.advisor.id).values(presence=Presence.AWAY.value))
