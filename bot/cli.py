"""The command line: `uv run neuvo …`."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer

from bot.settings import Settings, SettingsError, read_settings
from bot.tables import Role
from guidance.content import TRANSLATIONS, ContentError
from guidance.knowledge import knowledge

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Neuvo: guidance on public services in Espoo, in your language."
)

Language = Annotated[
    str | None, typer.Option(help="A CLDR code such as fi, sv, en, ku or ckb; without it, the language is detected")
]


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong and what to do, and end."""
    typer.echo(f"neuvo: {message}", err=True)
    raise typer.Exit(code)


@contextmanager
def explained() -> Iterator[None]:
    """Content and setting errors, told and not dumped."""
    try:
        yield
    except (ContentError, SettingsError) as error:
        fail(str(error))


@app.command()
def run() -> None:
    """Start Rasa, the action server and the bot, and restart what dies, until Ctrl-C."""
    from bot import run as supervision
    from bot.app import check_production

    with explained():
        settings = read_settings()
        check_production(settings, knowledge())
        raise typer.Exit(supervision.run(settings))


@app.command()
def serve() -> None:
    """Start the bot alone (`neuvo run` starts everything)."""
    import uvicorn

    from bot.app import create_app

    with explained():
        settings = read_settings()
        application = create_app(settings)
    # No access log: a line a message is of no use, and a log that does not exist leaks nothing.
    uvicorn.run(
        application, host="0.0.0.0", port=settings.port, access_log=False, log_level="warning", timeout_graceful_shutdown=2
    )


class Client:
    """A conversation over HTTP, as the page holds it."""

    def __init__(self, settings: Settings, language: str | None) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{settings.port}/api", timeout=40)
        try:
            opened = self._http.post("/conversations", json={"language": language, "chosen": language is not None})
            opened.raise_for_status()
        except httpx.HTTPError as error:
            fail(
                f"no Neuvo answers on port {settings.port} ({type(error).__name__}); start it with `make run`",
                1,
            )
        body = opened.json()
        self._path = f"/conversations/{body['id']}/messages"
        self._http.headers["Authorization"] = f"Bearer {body['token']}"
        self._seen = 0

    def ask(self, text: str) -> list[dict[str, Any]]:
        """Send a text and wait for all that is said to it."""
        sent = self._http.post(self._path, json={"client_id": str(time.time_ns()), "text": text})
        if sent.is_client_error:
            fail(sent.json()["detail"])
        sent.raise_for_status()
        seq = sent.json()["seq"]
        while True:
            messages = self._http.get(self._path, params={"after": self._seen, "wait": 15}).json()["messages"]
            if messages:
                self._seen = messages[-1]["seq"]
            if said := [message for message in messages if message.get("reply_to") == seq]:
                return said


@app.command()
def ask(text: str, language: Language = None) -> None:
    """Ask one question of the running service and print the answer."""
    from bot.rendering import as_text

    with explained():
        for message in Client(read_settings(), language).ask(text):
            typer.echo(as_text(message))


@app.command()
def chat(language: Language = None) -> None:
    """Hold a conversation with the running service in the terminal; an empty line ends it."""
    from bot.rendering import as_text

    with explained():
        client = Client(read_settings(), language)
        while line := input("> ").strip() if sys.stdin.isatty() else sys.stdin.readline().strip():
            for message in client.ask(line):
                typer.echo(as_text(message) + "\n")


@app.command()
def callbacks() -> None:
    """List the call-back requests, the one due first first: who is to be called or written to, in which language."""
    import asyncio

    from bot.store import Store, connect

    async def listed() -> None:
        store = Store(connect(settings.database_url))
        zone = knowledge().hours.zone
        for request in await store.call_backs():
            interpreter = "with interpreter" if request.interpreter else "no interpreter"
            when = f"{request.starts_at.astimezone(zone):%Y-%m-%d %H:%M}–{request.ends_at.astimezone(zone):%H:%M}"
            how = f"{request.how} {request.contact}  {request.language}, {interpreter}  {request.topic or '-'}"
            typer.echo(f"{request.reference}  {when}  {how}")
        await store.close()

    with explained():
        settings = read_settings()
        asyncio.run(listed())


def asked_password() -> str:
    """The password that is typed blindly, or the first line of standard input."""
    import getpass

    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


advisor = typer.Typer(no_args_is_help=True, help="The advisors' accounts.")
app.add_typer(advisor, name="advisor")


@advisor.command("add")
def add_advisor(
    login: Annotated[str, typer.Argument(help="What they sign in with, such as their e-mail address")],
    name: Annotated[str, typer.Option(help="The first name, which people are told")],
    languages: Annotated[str, typer.Option(help="The languages they speak, such as fi,en,ckb")],
    role: Annotated[Role, typer.Option(help="A supervisor sees and moves every conversation")] = Role.ADVISOR,
    oidc: Annotated[bool, typer.Option("--oidc", help="No password: LOGIN is the e-mail address of their city account")] = False,
) -> None:
    """Make an account for the desk. The password is asked for, or read from standard input."""
    import asyncio

    from bot import migrations
    from bot.desk.accounts import AccountError, Accounts
    from bot.store import Store, connect

    with explained():
        settings = read_settings()
        known = knowledge().service.by_code
        spoken = [code.strip() for code in languages.split(",")]
        if unknown := [code for code in spoken if code not in known]:
            fail(f"--languages: {unknown[0]!r} is not a language of content/service.yml, such as fi, sv, en, ku or ckb")
        password = None if oidc else asked_password()
        migrations.upgrade(settings.database_url)

        async def add() -> None:
            store = Store(connect(settings.database_url))
            try:
                await Accounts(store).add(login, name, password, role, spoken)
            finally:
                await store.close()

        try:
            asyncio.run(add())
        except AccountError as error:
            fail(str(error))
    typer.echo(f"{login} can sign in at /desk as {name} ({role.value}; {', '.join(spoken)})")


@app.command()
def check() -> None:
    """Check the content, the translations and the training data; name every mistake."""
    from bot.quality import findings

    with explained():
        found = 0
        for finding in findings():
            found += 1
            typer.echo(finding, err=True)
    if found:
        fail(f"{found} findings", 1)
    typer.echo("content, translations and training data: nothing found")


@app.command()
def translations() -> None:
    """Extract the texts from content and code, update the catalogs of all languages, and compile them."""
    from bot.quality import update_catalogs

    with explained():
        update_catalogs(typer.echo)


@app.command()
def review(language: str, answer: str, by: Annotated[str, typer.Option(help="The reviewer's name")]) -> None:
    """Sign the translation of an answer off: a speaker of the language has compared it with the English."""
    from datetime import date

    from ruamel.yaml import YAML

    with explained():
        if answer not in knowledge().answers:
            fail(f"there is no answer {answer!r}; use an id of content/answers/, such as housing/find_rental")
        if language not in knowledge().service.by_code or language == "en":
            fail(f"{language!r} is not a language that is translated into; content/service.yml lists them")
        yaml = YAML()
        path = TRANSLATIONS / "reviewed.yml"
        reviews = yaml.load(path.read_text(encoding="utf-8"))
        reviews.setdefault(language, {})[answer] = {"by": by, "on": date.today()}
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(reviews, file)
    typer.echo(f"{answer} in {language}: signed off by {by}. Restart the service to show it, and commit {path.name}.")


@app.command()
def evaluate(
    file: Path,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures for machines")] = False,
    picture: Annotated[Path | None, typer.Option(help="Where to draw the confusion matrix (default: var/confusion.png)")] = None,
) -> None:
    """Run labelled messages {"text", "lang", "label"} through the trained model and say how well it understands them."""
    from bot import evaluation

    with explained():
        settings = read_settings()
        try:
            examples = evaluation.read_examples(file)
        except evaluation.ExampleError as error:
            fail(str(error))
        report = evaluation.evaluate(examples, settings)
        path = picture or settings.var / "confusion.png"
        evaluation.draw(report, path)
        typer.echo(json.dumps(report.figures(), ensure_ascii=False, indent=2) if as_json else report.text())
        typer.echo(f"confusion matrix: {path}", err=True)
