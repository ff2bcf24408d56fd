"""The chat in Debian's Firefox, driven by WebDriver BiDi: it opens, answers, and runs right to left."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import Service, free_port

ROOT = "document.querySelector('neuvo-chat').shadowRoot"


class Firefox:
    """One page of a Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.context = ""

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of WebDriver BiDi; its result."""
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), 60))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return dict(answer["result"])

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON can say it."""
        result = await self.command(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self.context},
            awaitPromise=False,
        )
        assert result["type"] == "success", result
        return json.loads(result["result"].get("value", "null"))

    async def until(self, expression: str) -> None:
        """Wait until an expression holds."""
        for _attempt in range(150):
            if await self.evaluate(f"Boolean({expression})"):
                return
            await asyncio.sleep(0.2)
        raise AssertionError(f"never became true: {expression}")

    async def press(self, keys: str) -> None:
        """Type into what has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        await self.command(
            "input.performActions", context=self.context, actions=[{"type": "key", "id": "keyboard", "actions": actions}]
        )


@pytest.fixture
async def firefox(tmp_path: Path) -> AsyncIterator[Firefox]:
    port = free_port()
    arguments = ["--headless", "--no-remote", "--profile", str(tmp_path), f"--remote-debugging-port={port}", "about:blank"]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    browser = await asyncio.create_subprocess_exec("firefox-esr", *arguments, **quiet, env=environment)
    try:
        for _attempt in range(150):
            try:
                socket = await connect(f"ws://127.0.0.1:{port}/session", max_size=None)
                break
            except OSError:
                await asyncio.sleep(0.2)
        else:
            raise AssertionError("Firefox did not start")
        async with socket:
            made = Firefox(socket)
            await made.command("session.new", capabilities={})
            made.context = (await made.command("browsingContext.getTree"))["contexts"][0]["context"]
            yield made
    finally:
        browser.terminate()
        await asyncio.wait_for(browser.wait(), 30)


async def test_a_question_is_answered_in_firefox(firefox: Firefox, service: Service) -> None:
    await firefox.command(
        "browsingContext.navigate", context=firefox.context, url=f"{service.address}/?language=ckb", wait="complete"
    )
    await firefox.until("document.querySelector('neuvo-chat')?.shadowRoot?.querySelector('.welcome')")
    assert await firefox.evaluate(f"getComputedStyle({ROOT}.querySelector('.neuvo')).direction") == "rtl"
    await firefox.evaluate(f"{ROOT}.querySelector('#text').focus()")
    await firefox.press("چۆن کارتی باج وەربگرم؟\ue007")
    await firefox.until(f"{ROOT}.querySelector('.message.answer')")
    assert await firefox.evaluate(f"{ROOT}.querySelector('.message.person p').textContent") == "چۆن کارتی باج وەربگرم؟"
    await firefox.evaluate(f"{ROOT}.querySelector('#person').click()")
    await firefox.until(f"{ROOT}.querySelector('.message.handoff')")
    assert await firefox.evaluate("document.documentElement.scrollWidth <= innerWidth")
