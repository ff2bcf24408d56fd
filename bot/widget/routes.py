"""The script, the pages that hold the chat, and the city's duties beside it."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt

from bot import widget
from bot.channels.web import All
from bot.language import preferred
from guidance.answers import TOPICS
from guidance.content import CONTENT
from guidance.languages import Language

A_YEAR, A_WHILE = "public, max-age=31536000, immutable", "public, max-age=300, stale-while-revalidate=86400"
PAGE_LANGUAGES = ("fi", "sv", "en")
"""The languages of the texts in content/pages/."""

router = APIRouter(include_in_schema=False)
_templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
_markdown = MarkdownIt("commonmark", {"html": False})


def _script(accept_encoding: str, cache: str) -> Response:
    headers = {"Cache-Control": cache, "ETag": f'"{widget.version()}"', "Vary": "Accept-Encoding"}
    if "gzip" in accept_encoding:
        return Response(widget.compressed(), media_type="text/javascript", headers={**headers, "Content-Encoding": "gzip"})
    return Response(widget.script(), media_type="text/javascript", headers=headers)


@router.get("/widget.js")
async def newest(accept_encoding: Annotated[str, Header()] = "", if_none_match: Annotated[str, Header()] = "") -> Response:
    """The widget for other sites, whose address never changes: a browser asks every five minutes whether it has."""
    if if_none_match == f'"{widget.version()}"':
        return Response(status_code=304, headers={"Cache-Control": A_WHILE, "ETag": f'"{widget.version()}"'})
    return _script(accept_encoding, A_WHILE)


@router.get("/widget/{version}.js")
async def of_version(version: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    """The widget of a version, which never changes."""
    if version != widget.version():
        raise HTTPException(404, f"there is no version {version!r} of the widget; the present one is /widget.js")
    return _script(accept_encoding, A_YEAR)


@router.get("/widget.css")
async def styles() -> Response:
    """The styles alone, for old browsers."""
    return Response(widget.styles(), media_type="text/css", headers={"Cache-Control": A_WHILE})


def _page(template: str, language: Language, **values: object) -> HTMLResponse:
    text = _templates.get_template(template).render(language=language, version=widget.version(), **values)
    return HTMLResponse(text, headers={"Cache-Control": "no-cache"})


def _asked(all: All, request: Request, language: str | None) -> Language:
    """The language a page was asked for, or the browser's first that is known."""
    service = all.knowledge.service
    return service.language(language or preferred(request.headers.get("accept-language", ""), service.by_code))


@router.get("/")
async def page(all: All, request: Request, language: str | None = None) -> HTMLResponse:
    """The chat on a page of its own."""
    return _page("page.html", _asked(all, request, language), chosen=language)


@router.get("/widget/demo")
async def demo(all: All, request: Request) -> HTMLResponse:
    """A page for the city's web editor, to try the widget's attributes out."""
    values = {"languages": all.knowledge.service.languages, "topics": TOPICS}
    return _page("demo.html", _asked(all, request, "en"), **values)


@router.get("/hours")
async def hours(all: All, request: Request) -> HTMLResponse:
    """Phone and opening hours without any script, in every full language."""
    desk, at = await all.desk(), all.now()
    rows = []
    for language in all.knowledge.service.full():
        wording = all.knowledge.wording(language.code)
        danger = wording.catalog.gettext("If somebody is in danger, call 112.")
        lines = [*wording.opening_hours(desk, at).split("\n"), wording.phone(), danger]
        rows.append((language, [wording.catalog.say(line) for line in lines if line]))
    return _page("hours.html", _asked(all, request, None), rows=rows)


@router.get("/accessibility")
@router.get("/privacy")
async def text(all: All, request: Request, language: str | None = None) -> HTMLResponse:
    """The accessibility statement and the privacy notice, in Finnish, Swedish or English."""
    name = request.url.path.removeprefix("/")
    asked = _asked(all, request, language).code
    code = asked if asked in PAGE_LANGUAGES else "en"
    body = _markdown.render((CONTENT / "pages" / f"{name}.{code}.md").read_text(encoding="utf-8"))
    others = [all.knowledge.service.language(other) for other in PAGE_LANGUAGES]
    return _page("text.html", all.knowledge.service.language(code), body=body, name=name, others=others)
