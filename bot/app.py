"""The HTTP application: the web channel, the page, and whether everything works."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from bot import migrations, problems
from bot.channels import web
from bot.conversation import Conversations
from bot.desk import oidc, pages
from bot.desk.accounts import Accounts
from bot.language import LanguageDetector
from bot.rasa import Rasa, RasaError
from bot.settings import Settings, SettingsError
from bot.store import Store, connect
from bot.tokens import Tokens
from bot.watch import Watch
from bot.widget import routes
from guidance.knowledge import Knowledge, knowledge

STATIC = Path(__file__).parent / "static"
LARGEST_BODY = 64 * 1024
"""Bytes of a request at most: a message of 2,000 characters in any script, and room to spare."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}


def check_production(settings: Settings, known: Knowledge) -> None:
    """Refuse to serve the public with the pilot's phone number and hours.

    Raises:
        SettingsError: NEUVO_ENV is production and content/service.yml still has the status pilot.
    """
    if settings.production and known.service.status == "pilot":
        raise SettingsError(
            "content/service.yml: status is still `pilot`: its phone, place and hours are those of the 2020 pilot. "
            "Put the service's present details there and set `status: live`, or do not set NEUVO_ENV=production"
        )


async def _checks(app: FastAPI, settings: Settings) -> dict[str, str]:
    """Each part and what is wrong with it, "ok" if nothing is."""
    conversations: Conversations = app.state.conversations

    async def rasa() -> None:
        await conversations.rasa.ready()

    async def actions() -> None:
        async with httpx.AsyncClient(base_url=settings.actions_url, timeout=3) as client:
            (await client.get("/health")).raise_for_status()

    async def check(part: Callable[[], Awaitable[Any]]) -> str:
        try:
            await asyncio.wait_for(part(), 5)
        except RasaError as error:
            return str(error)
        except Exception as error:  # whatever a driver raises is what is wrong with the part
            return type(error).__name__
        return "ok"

    parts = {"model": rasa, "actions": actions, "database": conversations.store.ping}
    results = await asyncio.gather(*(check(part) for part in parts.values()))
    return dict(zip(parts, results, strict=True))


def create_app(settings: Settings) -> FastAPI:
    """The application with everything it needs.

    Raises:
        SettingsError: the settings do not allow it to start.
        ContentError: the content is wrong, or the catalogs are not compiled.
    """
    known = knowledge()
    check_production(settings, known)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = Store(connect(settings.database_url))
        rasa = Rasa(settings.rasa_url, settings.rasa_token)
        conversations = Conversations(store, rasa, known, LanguageDetector(known.service), pause=settings.pause)
        app.state.conversations = conversations
        app.state.accounts = Accounts(store)
        await conversations.resume()
        watch = asyncio.create_task(Watch(conversations.queue, conversations.desk).go_on())
        yield
        watch.cancel()
        await conversations.close()
        await rasa.close()
        await store.close()

    migrations.upgrade(settings.database_url)
    app = FastAPI(
        title="Neuvo",
        description=__doc__,
        lifespan=lifespan,
        responses={"4XX": {"description": "A problem (RFC 9457): type, title, status, detail, field"}},
    )
    app.state.tokens = Tokens(settings.secret)
    app.state.production = settings.production
    problems.install(app)

    @app.middleware("http")
    async def _guard(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > LARGEST_BODY:
            return problems.problem(413, f"the request has {length} bytes; at most {LARGEST_BODY} are taken")
        response = await proceed(request)
        if request.url.path != "/docs":  # the OpenAPI page loads its own scripts
            response.headers.update(SECURITY_HEADERS)
        return response

    @app.get("/health", tags=["operation"])
    async def health() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/ready", tags=["operation"])
    async def ready() -> JSONResponse:
        """Model loaded, actions reachable, database reachable: each named; 503 if one of them is not."""
        checks = await _checks(app, settings)
        fine = all(result == "ok" for result in checks.values())
        return JSONResponse({"ready": fine, **checks, "service": known.service.status}, 200 if fine else 503)

    app.include_router(web.router)
    pages.install(app)
    oidc.install(app, settings)

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(routes.router)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            max_age=24 * 60 * 60,
        )
    return app
