"""How long the chat takes on a slow phone: `python -m benchmarks.phone`, with the service running (`make run`).

Chromium with a processor four times slower and a network of 400 kbit/s and 400 ms, as on a slow 3G; nothing cached. Beside it a
page that loads the bundle of deep-chat or rasa-webchat alone, if their files are given: what a visitor would wait for instead.
"""

import argparse
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

NETWORK = {"offline": False, "latency": 400, "downloadThroughput": 400_000 / 8, "uploadThroughput": 400_000 / 8}
SLOWER = 4
RUNS = 5


def seconds(browser: Browser, address: str, ready: str) -> float:
    """Seconds from the address to the moment in which `ready`, a JavaScript expression, holds; the median of some runs."""
    took = []
    for _run in range(RUNS):
        context = browser.new_context(viewport={"width": 390, "height": 800}, bypass_csp=True)  # the wait needs eval
        page = context.new_page()
        control = context.new_cdp_session(page)
        control.send("Network.enable")
        control.send("Network.emulateNetworkConditions", NETWORK)
        control.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(address, wait_until="commit", timeout=120_000)
        page.wait_for_function(ready, timeout=120_000)
        took.append(page.evaluate("performance.now()") / 1000)
        context.close()
    return median(took)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000", help="where the service answers")
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="gzipped bundles of other chats, to be loaded alone")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        ready = "document.querySelector('neuvo-chat')?.shadowRoot?.querySelector('.welcome')"
        print(f"Neuvo, ready to write: {seconds(browser, f'{arguments.address}/?language=fi', ready):.1f} s", flush=True)
        for bundle in arguments.beside:
            with TemporaryDirectory() as folder:
                (Path(folder) / "bundle.js").write_bytes(bundle.read_bytes())
                (Path(folder) / "index.html").write_text(
                    "<!doctype html><title>x</title><script src=bundle.js onload='window.loaded = true'></script>"
                )

                class Handler(SimpleHTTPRequestHandler):
                    def end_headers(self) -> None:
                        if self.path.endswith(".js"):
                            self.send_header("Content-Encoding", "gzip")
                        super().end_headers()

                    def log_message(self, *_: object) -> None:
                        """Say nothing."""

                server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
                threading.Thread(target=server.serve_forever, daemon=True).start()
                took = seconds(browser, f"http://127.0.0.1:{server.server_port}/", "window.loaded")
                print(f"{bundle.name}, loaded and nothing shown yet: {took:.1f} s", flush=True)
                server.shutdown()
        browser.close()


if __name__ == "__main__":
    main()
