"""Errors over HTTP as problem+json (RFC 9457)."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bot.choices import PayloadError
from bot.conversation import MessageError, UnknownConversationError
from bot.store import RepeatedIdError


def problem(status: int, detail: str, field: str | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem: its HTTP status, what is wrong and what to do, and the field it is in."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if field:
        body["field"] = field
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Have the application answer every error as a problem."""

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        return problem(422, f"{field or 'the body'}: {first['msg']}", field or None)

    @app.exception_handler(MessageError)
    async def _message(_request: Request, error: MessageError) -> JSONResponse:
        return problem(422, str(error), "text")

    @app.exception_handler(PayloadError)
    async def _payload(_request: Request, error: PayloadError) -> JSONResponse:
        return problem(422, str(error), "payload")

    @app.exception_handler(RepeatedIdError)
    async def _repeated(_request: Request, _error: RepeatedIdError) -> JSONResponse:
        return problem(409, "this client_id was used for another message; use a new one for a new message", "client_id")

    @app.exception_handler(UnknownConversationError)
    async def _unknown(_request: Request, _error: UnknownConversationError) -> JSONResponse:
        return problem(404, "there is no such conversation")
