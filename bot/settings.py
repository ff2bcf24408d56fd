"""The settings, from the environment."""

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from guidance.content import ROOT


class SettingsError(Exception):
    """A setting is wrong. The message names it and says what to do."""


def _port(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise SettingsError(f"{name}={value!r} is not a port number between 1 and 65535")
    return int(value)


def _seconds(name: str, default: float) -> float:
    value = os.environ.get(name, str(default))
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 10:
        raise SettingsError(f"{name}={value!r} is not a number of seconds between 0 and 10")
    return seconds


def _secret(path: Path) -> str:
    """The secret in `path`, made on first use and readable by the owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(secrets.token_hex(32))
        try:
            os.link(new, path)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return path.read_text().strip()


@dataclass(frozen=True)
class Oidc:
    """The OpenID Connect provider of the city's accounts, and what it knows Neuvo as."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)


def _address(name: str, production: bool) -> str:
    value = os.environ.get(name, "")
    if value and not value.startswith("https://" if production else ("https://", "http://")):
        raise SettingsError(f"{name}={value!r} is not an address that begins with https://")
    return value


def _oidc(production: bool) -> Oidc | None:
    """The provider, None if there is none."""
    issuer = _address("NEUVO_OIDC_ISSUER", production)
    if not issuer:
        return None
    names = ("NEUVO_OIDC_CLIENT_ID", "NEUVO_OIDC_CLIENT_SECRET")
    if missing := [name for name in names if not os.environ.get(name)]:
        raise SettingsError(
            f"NEUVO_OIDC_ISSUER is set and {' and '.join(missing)} not: set what the provider gave you, "
            "or unset NEUVO_OIDC_ISSUER to sign in with passwords alone"
        )
    return Oidc(issuer, *(os.environ[name] for name in names))


def _origins() -> tuple[str, ...]:
    """The sites that may embed the chat."""
    found = tuple(part.strip() for part in os.environ.get("NEUVO_ORIGINS", "").split(",") if part.strip())
    for origin in found:
        if not re.fullmatch(r"https?://[^/\s*]+", origin):
            raise SettingsError(f"NEUVO_ORIGINS: {origin!r} is not an origin such as https://www.espoo.fi, without a path")
    return found


@dataclass(frozen=True)
class Settings:
    """Where things are and how strict to be. `var` holds all state.

    `pause` is how many seconds are waited after a short message, so that several of them are read together. `url` is the
    service's public address, empty when the address of a request is right. `origins` are the sites that may embed the chat.
    """

    var: Path
    database_url: str
    port: int
    rasa_port: int
    actions_port: int
    secret: str = field(repr=False)
    rasa_token: str = field(repr=False)
    production: bool
    pause: float = 1.0
    url: str = ""
    oidc: Oidc | None = None
    origins: tuple[str, ...] = ()

    @property
    def rasa_url(self) -> str:
        """Rasa's address: loopback always."""
        return f"http://127.0.0.1:{self.rasa_port}"

    @property
    def actions_url(self) -> str:
        """The action server's address: loopback always."""
        return f"http://127.0.0.1:{self.actions_port}"


def read_settings() -> Settings:
    """The settings from the environment.

    PORT, DATABASE_URL, NEUVO_ENV, NEUVO_VAR, NEUVO_SECRET, NEUVO_RASA_PORT, NEUVO_ACTIONS_PORT, NEUVO_PAUSE, NEUVO_URL,
    NEUVO_ORIGINS, NEUVO_OIDC_ISSUER, NEUVO_OIDC_CLIENT_ID, NEUVO_OIDC_CLIENT_SECRET; all have defaults.

    Raises:
        SettingsError: one of them cannot be used.
    """
    environment = os.environ.get("NEUVO_ENV", "development")
    if environment not in ("development", "production"):
        raise SettingsError(f"NEUVO_ENV={environment!r} must be development or production")
    var = Path(os.environ.get("NEUVO_VAR", ROOT / "var"))
    production = environment == "production"
    database_url = os.environ.get("DATABASE_URL") or f"sqlite:///{var / 'neuvo.sqlite3'}"
    return Settings(
        var=var,
        database_url=database_url,
        port=_port("PORT", 8000),
        rasa_port=_port("NEUVO_RASA_PORT", 5005),
        actions_port=_port("NEUVO_ACTIONS_PORT", 5055),
        secret=os.environ.get("NEUVO_SECRET") or _secret(var / "secret"),
        rasa_token=_secret(var / "rasa_token"),
        production=production,
        pause=_seconds("NEUVO_PAUSE", 1.0),
        url=_address("NEUVO_URL", production).rstrip("/"),
        oidc=_oidc(production),
        origins=_origins(),
    )
