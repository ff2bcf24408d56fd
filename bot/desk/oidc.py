"""Sign-in with the city's account: OpenID Connect, the authorization code flow with PKCE, state and nonce.

A provider says who somebody is; whether they may sit at the desk is said by an account alone, made with `neuvo advisor add`. The
two meet in the e-mail address, when the provider has confirmed it. `preferred_username` is not looked at: at many providers
people choose it themselves, and could choose a colleague's login. The claims are taken from the UserInfo endpoint, which is where
OpenID Connect Core (5.4) puts them in this flow.
"""

import logging
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth, OAuthError
from fastapi import APIRouter, FastAPI, Request, Response
from joserfc.errors import JoseError
from starlette.middleware.sessions import SessionMiddleware

from bot.desk.access import Known, let_in, preferred_language, sign_in_form
from bot.desk.accounts import NoAccountError
from bot.desk.views import render
from bot.settings import Oidc, Settings

PATH = "/desk/oidc"
PATIENCE = 10
"""Seconds to wait for an answer of the provider."""
LONGEST_WAY = 15 * 60
"""Seconds that somebody may take at the provider until the sign-in has to be begun anew."""

REFUSALS = (AuthlibBaseError, JoseError)
"""The provider or the person said no, or what came back is forged."""
UNUSABLE = (httpx2.HTTPError, ValueError, KeyError, RuntimeError)
"""The provider cannot be reached, answers with no JSON, or leaves out what it has to say (Authlib raises all these)."""

logger = logging.getLogger(__name__)

router = APIRouter(prefix=PATH, include_in_schema=False)


class Provider:
    """The provider of the city's accounts. Its metadata are fetched once, when somebody first signs in."""

    def __init__(self, oidc: Oidc, url: str) -> None:
        self._url = url
        # By itself Authlib believes the metadata about the issuer, and lets another audience pass that names us as `azp`.
        self._claims = {"iss": {"essential": True, "value": oidc.issuer}, "aud": {"essential": True, "value": oidc.client_id}}
        self._client: Any = OAuth().register(
            "city",
            client_id=oidc.client_id,
            client_secret=oidc.client_secret,
            server_metadata_url=f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "timeout": PATIENCE},
        )

    async def ask(self, request: Request) -> Response:
        """The way to the provider, who leads back to `callback`.

        Raises:
            UNUSABLE: see there.
        """
        callback = f"{self._url}{PATH}/callback" if self._url else str(request.url_for("oidc_callback"))
        to_provider: Response = await self._client.authorize_redirect(request, callback, ui_locales=preferred_language(request))
        return to_provider

    async def answer(self, request: Request) -> dict[str, Any]:
        """What the provider says of the person who came back.

        Raises:
            REFUSALS, UNUSABLE: see there.
        """
        token = await self._client.authorize_access_token(request, claims_options=self._claims)
        person: dict[str, Any] = await self._client.userinfo(token=token)
        if person["sub"] != token["userinfo"]["sub"]:
            raise OAuthError("another_subject")
        return person


def _provider(request: Request) -> Provider:
    found: Provider = request.app.state.oidc
    return found


async def _failed(request: Request, known: Known, error: Exception) -> Response:
    """The form again. What is logged has no token, and of what came with the request the error's name alone."""
    said = error.error if isinstance(error, AuthlibBaseError) else str(error)
    logger.warning("A sign-in by OpenID Connect failed: %s %.200r", type(error).__name__, said)
    await known.not_vouched()
    return sign_in_form(request, 401 if isinstance(error, REFUSALS) else 502, "oidc")


@router.get("")
async def begin(request: Request, known: Known) -> Response:
    """Go to the provider."""
    try:
        return await _provider(request).ask(request)
    except (*REFUSALS, *UNUSABLE) as error:
        return await _failed(request, known, error)


@router.get("/callback", name="oidc_callback")
async def callback(request: Request, known: Known) -> Response:
    """Come back from the provider: to the desk, or to the form with what is wrong."""
    try:
        person = await _provider(request).answer(request)
    except (*REFUSALS, *UNUSABLE) as error:
        return await _failed(request, known, error)
    email = str(person.get("email", ""))
    if not email or person.get("email_verified") is not True:
        await known.not_vouched(email)
        return sign_in_form(request, 403, "unconfirmed")
    try:
        token = await known.sign_in_vouched(email, preferred_language(request))
    except NoAccountError:
        return sign_in_form(request, 403, "no-account")
    # A page and no redirect: it was another site that led here, so a browser would go on without the `SameSite=Strict` cookie.
    return let_in(request, render("signed_in.html", preferred_language(request)), token)


def install(app: FastAPI, settings: Settings) -> None:
    """Put the sign-in with the city's account into the application, if it is set up."""
    app.state.oidc = Provider(settings.oidc, settings.url) if settings.oidc else None
    if settings.oidc:
        app.include_router(router)
        app.add_middleware(  # state, nonce and code verifier of one way to the provider and back: nothing else gets this cookie
            SessionMiddleware,
            secret_key=settings.secret,
            session_cookie="neuvo_oidc",
            max_age=LONGEST_WAY,
            path=PATH,
            same_site="lax",
            https_only=settings.production,
        )
