"""The client of the Rasa server, over loopback."""

from typing import Any

import httpx

from guidance.opening_hours import DeskState

TIMEOUT = 10.0
"""Seconds after which a person is told that the assistant is away."""


class RasaError(Exception):
    """Rasa did not answer: it is down, slow, or said nothing. The message never quotes what the person wrote."""


class Rasa:
    """Talks to Rasa's REST channel and its HTTP API."""

    def __init__(self, url: str, token: str, timeout: float = TIMEOUT) -> None:
        """Set up for the server at `url`; `timeout` in seconds is for the whole of one answer."""
        self._client = httpx.AsyncClient(base_url=url, params={"token": token}, timeout=timeout)
        self._timeout = timeout

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _json(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            response = await self._client.request(method, path, **arguments)
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise RasaError(f"{path}: {type(error).__name__}") from None

    async def answer(self, conversation: str, message: str, language: str, desk: DeskState) -> list[dict[str, Any]]:
        """What the actions say to a message or a payload: the payloads of actions/payloads.py.

        Raises:
            RasaError: no answer came.
        """
        body = {
            "sender": conversation,
            "message": message,
            "metadata": {"language": language, "desk": desk.model_dump(mode="json")},
        }
        said = await self._json("POST", "/webhooks/rest/webhook", json=body)
        payloads = [entry["custom"] for entry in said if isinstance(entry, dict) and "custom" in entry]
        if not payloads:
            raise RasaError("/webhooks/rest/webhook: an empty reply")
        return payloads

    async def parse(self, text: str) -> dict[str, Any]:
        """How the model understands a text, without any conversation.

        Raises:
            RasaError: no answer came.
        """
        result: dict[str, Any] = await self._json("POST", "/model/parse", json={"text": text})
        return result

    async def forget(self, conversation: str) -> None:
        """Have Rasa forget what was said in a conversation: its tracker begins anew.

        Raises:
            RasaError: no answer came.
        """
        await self._json("PUT", f"/conversations/{conversation}/tracker/events", json=[{"event": "restart"}])

    async def ready(self) -> None:
        """Returns when a model is loaded.

        Raises:
            RasaError: Rasa cannot be reached, or has no model.
        """
        await self._json("GET", "/status")
