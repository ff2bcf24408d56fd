"""Sign-in with the city's account: a real provider, the real service, and a real browser between them.

The provider is another site (`localhost`) than the service (`127.0.0.1`), as the city's is: `SameSite` counts.
"""

import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from bot.settings import Oidc, Settings
from guidance.content import ROOT
from tests.conftest import PASSWORD, Service, free_port

SECRET = "what-only-neuvo-and-the-provider-know"


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _tenth in range(600):
        try:
            if httpx.get(address).is_success:
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, f"nothing serves {address}"
        time.sleep(0.1)
    raise AssertionError(f"nothing serves {address} within a minute")


class Provider:
    """An OpenID Connect provider: anybody may sign in there as anybody, and be given any claims."""

    def __init__(self) -> None:
        port = free_port()
        self.issuer = f"http://localhost:{port}"
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(f"{self.issuer}/.well-known/openid-configuration", self.process)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def somebody(self, subject: str, **claims: object) -> None:
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()


class Desk(Service):
    """The service without Rasa, which the desk's sign-in does not need; `issuer` empty: passwords alone."""

    def __init__(self, folder: Path, issuer: str) -> None:
        super().__init__(folder)
        self.environment |= {
            "NEUVO_OIDC_ISSUER": issuer,
            "NEUVO_OIDC_CLIENT_ID": "neuvo",
            "NEUVO_OIDC_CLIENT_SECRET": SECRET,
        }

    def start(self) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"], cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        wait_for(f"{self.address}/health", self.process)

    def stop(self) -> float:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        return 0

    def city_account(self, login: str, name: str) -> subprocess.CompletedProcess[str]:
        """Make an account without a password."""
        command = [sys.executable, "-m", "bot", "advisor", "add", login, "--name", name, "--languages", "fi", "--oidc"]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def last_attempt(self) -> tuple[str, bool, bool]:
        """Login, whether it succeeded, and whether it was by OpenID Connect."""
        with closing(sqlite3.connect(self.folder / "neuvo.sqlite3", timeout=10)) as database:
            found: tuple[str, int, int] = database.execute(
                "SELECT login, succeeded, oidc FROM sign_ins ORDER BY id DESC"
            ).fetchone()
        return found[0], bool(found[1]), bool(found[2])


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    running = Provider()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Desk]]:
    """Starts services that know the provider of this issuer."""
    started: list[Desk] = []

    def make(issuer: str) -> Desk:
        started.append(Desk(tmp_path_factory.mktemp("desk"), issuer))
        started[-1].start()
        return started[-1]

    yield make
    for desk in started:
        desk.stop()


@pytest.fixture(scope="module")
def desk(start: Callable[[str], Desk], provider: Provider) -> Desk:
    """A desk with two accounts: Amina's has a password, Ben's none."""
    running = start(provider.issuer)
    running.advisor("amina@espoo.fi", "Amina", "fi")
    assert running.city_account("ben@espoo.fi", "Ben").returncode == 0
    return running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A browser without its pages."""
    with httpx.Client(headers={"Accept-Language": "en"}) as opened:
        yield opened


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages that have nothing in common, in a language."""
    contexts = []

    def make(locale: str = "en-GB") -> Page:
        contexts.append(chromium.new_context(locale=locale))
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


LINK = {
    "en-GB": "Sign in with the city's account",
    "fi-FI": "Kirjaudu kaupungin tunnuksella",
    "sv-FI": "Logga in med stadens konto",
}


def to_provider(page: Page, desk: Desk, locale: str = "en-GB") -> None:
    page.goto(f"{desk.address}/desk")
    page.get_by_role("link", name=LINK[locale]).click()
    expect(page.get_by_role("heading", name="Authorize Client")).to_be_visible()


def authorize(page: Page, subject: str) -> None:
    page.get_by_label("Subject", exact=True).fill(subject)
    page.get_by_role("button", name="Authorize", exact=True).click()


def way_back(client: httpx.Client, desk: Desk, subject: str) -> str:
    """Sign in at the provider; the address to which it sends the browser back."""
    to_provider = client.get(f"{desk.address}/desk/oidc").headers["location"]
    back: str = client.post(to_provider, data={"sub": subject}).headers["location"]
    assert back.startswith(f"{desk.address}/desk/oidc/callback?")
    return back


def signed_in(client: httpx.Client, desk: Desk) -> bool:
    return client.get(f"{desk.address}/desk").status_code == 200


DID_NOT_WORK = "The sign-in did not work. Try again."


def test_the_city_account_opens_the_desk_with_the_same_cookie_as_a_password(
    open_page: Callable[..., Page], desk: Desk, provider: Provider
) -> None:
    provider.somebody("u1", email="Amina@Espoo.fi", email_verified=True)
    page = open_page()
    to_provider(page, desk)
    authorize(page, "u1")
    expect(page.get_by_role("button", name="Free")).to_be_visible()
    expect(page).to_have_url(f"{desk.address}/desk")
    expect(page.locator("header")).to_contain_text("Amina")
    assert desk.last_attempt() == ("amina@espoo.fi", True, True)

    other = open_page()
    other.goto(f"{desk.address}/desk")
    other.get_by_label("Login").fill("amina@espoo.fi")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("button", name="Free")).to_be_visible()
    assert desk.last_attempt() == ("amina@espoo.fi", True, False)

    def cookies(page: Page) -> list[dict[str, object]]:
        here = page.context.cookies(f"{desk.address}/desk/oidc/callback")
        return [{name: value for name, value in cookie.items() if name != "value"} for cookie in here]

    assert cookies(page) == cookies(other)
    assert [(cookie["name"], cookie["sameSite"], cookie["httpOnly"]) for cookie in cookies(page)] == [
        ("neuvo_desk", "Strict", True)
    ]
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("link", name=LINK["en-GB"])).to_be_visible()


def test_the_provider_is_asked_for_a_code_with_pkce_state_and_nonce(client: httpx.Client, desk: Desk) -> None:
    asked = client.get(f"{desk.address}/desk/oidc", headers={"Accept-Language": "sv"})
    query = parse_qs(urlsplit(asked.headers["location"]).query)
    assert (query["response_type"], query["scope"], query["ui_locales"]) == (["code"], ["openid email"], ["sv"])
    assert query["code_challenge_method"] == ["S256"]
    assert all(len(query[name][0]) >= 20 for name in ("state", "nonce", "code_challenge"))
    (cookie,) = client.cookies.jar
    assert (cookie.name, cookie.path, cookie.has_nonstandard_attr("httponly")) == ("neuvo_oidc", "/desk/oidc", True)
    assert "samesite=lax" in asked.headers["set-cookie"]
    assert cookie.expires is not None
    assert 0 < cookie.expires - time.time() <= 15 * 60


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-GB", "There is no account at the desk for your e-mail address"),
        ("fi-FI", "Sähköpostiosoitteellasi ei ole käyttäjätunnusta"),
        ("sv-FI", "Det finns inget konto"),
    ],
)
def test_whoever_has_no_account_is_told_so_in_their_language_and_stays_outside(
    open_page: Callable[..., Page], desk: Desk, provider: Provider, locale: str, words: str
) -> None:
    provider.somebody("u2", email="someone@example.org", email_verified=True)
    page = open_page(locale)
    to_provider(page, desk, locale)
    authorize(page, "u2")
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("link", name=LINK[locale])).to_be_visible()
    assert desk.last_attempt() == ("someone@example.org", False, True)
    page.goto(f"{desk.address}/desk")
    expect(page).to_have_url(f"{desk.address}/desk/sign-in")


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "amina@espoo.fi", "email_verified": False},
        {"email": "amina@espoo.fi", "email_verified": "true"},
        {"email": "amina@espoo.fi"},
        {"preferred_username": "amina@espoo.fi", "email_verified": True},
    ],
)
def test_an_address_that_the_provider_has_not_confirmed_opens_nothing(
    client: httpx.Client, desk: Desk, provider: Provider, claims: dict[str, object]
) -> None:
    provider.somebody("u3", **claims)
    refused = client.get(way_back(client, desk, "u3"))
    assert refused.status_code == 403
    assert "Your city account has no confirmed e-mail address." in refused.text
    assert desk.last_attempt() == (claims.get("email", ""), False, True)
    assert not signed_in(client, desk)


def test_failures_at_the_provider_do_not_lock_the_password(client: httpx.Client, desk: Desk, provider: Provider) -> None:
    provider.somebody("u4", email="amina@espoo.fi", email_verified=False)
    for _attempt in range(6):
        assert client.get(way_back(client, desk, "u4")).status_code == 403
    client.post(f"{desk.address}/desk/sign-in", data={"login": "amina@espoo.fi", "password": PASSWORD})
    assert signed_in(client, desk)


def test_whoever_does_not_consent_is_at_the_form_again(open_page: Callable[..., Page], desk: Desk) -> None:
    page = open_page()
    to_provider(page, desk)
    page.get_by_role("button", name="Deny access").click()
    expect(page.get_by_role("alert")).to_have_text(DID_NOT_WORK)
    expect(page.get_by_label("Login")).to_be_visible()
    assert desk.last_attempt() == ("", False, True)
    assert "OAuthError 'access_denied'" in desk.output.read_text()


def test_a_forged_state_that_of_another_browser_and_a_used_one_are_refused(desk: Desk, provider: Provider) -> None:
    provider.somebody("u5", email="amina@espoo.fi", email_verified=True)
    with httpx.Client() as amina, httpx.Client(headers={"Accept-Language": "en"}) as other:
        back = way_back(amina, desk, "u5")
        way_back(other, desk, "u5")
        for address in (back, re.sub("state=[^&]+", "state=forged", back), f"{desk.address}/desk/oidc/callback"):
            refused = other.get(address)
            assert refused.status_code == 401
            assert DID_NOT_WORK in refused.text
        assert not signed_in(other, desk)
        assert amina.get(back).status_code == 200
        assert signed_in(amina, desk)
        assert amina.get(back).status_code == 401


def test_a_code_that_the_provider_never_gave_is_refused_and_the_log_has_no_secrets(
    client: httpx.Client, desk: Desk, provider: Provider
) -> None:
    provider.somebody("u6", email="amina@espoo.fi", email_verified=True)
    refused = client.get(re.sub("code=[^&]+", "code=made-up", way_back(client, desk, "u6")))
    assert (refused.status_code, DID_NOT_WORK in refused.text) == (401, True)
    back = way_back(client, desk, "u6")
    assert client.get(back).status_code == 200
    log = desk.output.read_text()
    assert "OAuthError 'invalid_grant'" in log
    for hidden in (SECRET, "made-up", *parse_qs(urlsplit(back).query)["code"], client.cookies["neuvo_desk"]):
        assert hidden not in log


def test_an_account_without_a_password_opens_with_the_city_account_alone(
    client: httpx.Client, desk: Desk, provider: Provider
) -> None:
    for password in (PASSWORD, "!", "None", "$argon2id$v=19$m=65536,t=3,p=4$"):
        refused = client.post(f"{desk.address}/desk/sign-in", data={"login": "ben@espoo.fi", "password": password})
        assert refused.status_code == 401
    provider.somebody("u7", email="ben@espoo.fi", email_verified=True)
    client.get(way_back(client, desk, "u7"))
    assert signed_in(client, desk)
    no_address = desk.city_account("ben", "Ben")
    assert no_address.returncode == 2
    assert "'ben' is no e-mail address" in no_address.stderr


def test_the_settings_can_be_printed_without_their_secrets() -> None:
    known_as = Oidc("https://id.example", "neuvo", SECRET)
    everything = Settings(Path(), "", 1, 2, 3, "sign-with-this", "rasa-opens-to-this", production=True, oidc=known_as)
    assert "https://id.example" in repr(everything)
    for hidden in (SECRET, "sign-with-this", "rasa-opens-to-this"):
        assert hidden not in repr(everything)


def test_without_a_provider_there_is_only_the_password(client: httpx.Client, start: Callable[[str], Desk]) -> None:
    alone = start("")
    assert "/desk/oidc" not in client.get(f"{alone.address}/desk/sign-in").text
    assert client.get(f"{alone.address}/desk/oidc").status_code == 404


def test_when_the_provider_is_away_the_form_says_so_and_passwords_go_on(
    client: httpx.Client, start: Callable[[str], Desk]
) -> None:
    leaving = Provider()
    alone = start(leaving.issuer)
    alone.advisor("amina@espoo.fi", "Amina", "fi")
    leaving.somebody("u8", email="amina@espoo.fi", email_verified=True)
    back = way_back(client, alone, "u8")
    leaving.stop()
    after = start(leaving.issuer)
    for address in (back, f"{after.address}/desk/oidc"):
        page = client.get(address)
        assert page.status_code == 502
        assert DID_NOT_WORK in page.text
        assert 'name="password"' in page.text
    for desk in (alone, after):
        assert "A sign-in by OpenID Connect failed: ConnectError" in desk.output.read_text()
    client.post(f"{alone.address}/desk/sign-in", data={"login": "amina@espoo.fi", "password": PASSWORD})
    assert signed_in(client, alone)


def test_a_provider_that_calls_itself_otherwise_than_it_was_set_is_refused(
    client: httpx.Client, start: Callable[[str], Desk], provider: Provider
) -> None:
    strict = start(f"{provider.issuer}/")
    provider.somebody("u9", email="amina@espoo.fi", email_verified=True)
    assert client.get(way_back(client, strict, "u9")).status_code == 401
    assert "Invalid claim: 'iss'" in strict.output.read_text()
