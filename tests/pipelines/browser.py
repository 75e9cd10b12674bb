"""The system's Chromium, driven by Playwright: what a reader of a report sees and does."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def find_chromium() -> str | None:
    """Return the path of the system's browser."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def started() -> Iterator[Browser]:
    """Start the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(_FLAGS))
        yield browser
        browser.close()


class Reader:
    """A page of the browser with a report in it, and everything that it complained about."""

    def __init__(self, browser: Browser, report: Path, **options: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        options.setdefault("viewport", {"width": 1280, "height": 900})
        self.context = browser.new_context(offline=True, **options)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(report.as_uri())

    def close(self) -> None:
        self.context.close()


@contextmanager
def reading(browser: Browser, report: Path, **options: Any) -> Iterator[Reader]:
    """Open a report; at the end it has complained about nothing and asked nobody."""
    reader = Reader(browser, report, **options)
    try:
        yield reader
        assert reader.complaints == []
        assert reader.requests == [report.as_uri()]
    finally:
        reader.close()
