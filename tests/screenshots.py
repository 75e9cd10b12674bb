"""Pictures of a report for the README: `python -m tests.screenshots REPORT FOLDER`."""

import sys
from pathlib import Path

from playwright.sync_api import Browser

from tests.pipelines.browser import find_chromium, started

SIZE = {"width": 1200, "height": 1040}


def take(browser: Browser, report: Path, folder: Path) -> None:
    """Write report-light.png, the top of the report, and report-dark.png, its sliders in use."""
    page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
    page.goto(report.as_uri())
    page.screenshot(path=folder / "report-light.png")
    page = browser.new_page(viewport=SIZE, color_scheme="dark", reduced_motion="reduce")
    page.goto(report.as_uri())
    for rule, threshold in (("gopher_below_alpha_threshold", "0.77"), ("gopher_short_doc", "75")):
        box = page.get_by_label(f"{rule}: threshold, exactly")
        box.fill(threshold)
        box.press("Enter")
    page.evaluate("document.activeElement.blur()")
    page.evaluate("document.querySelector('#whatif h2').scrollIntoView()")
    page.evaluate(
        "document.querySelector('.all-sliders').scrollTop ="
        " document.querySelector('.slider.set').offsetTop - 40"
    )
    page.screenshot(path=folder / "report-dark.png")


def main() -> None:
    """Take the pictures; an error in words where there is no browser."""
    if find_chromium() is None:
        sys.exit("screenshots: no Chromium is installed.\n  On Debian: apt-get install chromium")
    report, folder = map(Path, sys.argv[1:])
    with started() as browser:
        take(browser, report.resolve(), folder)


if __name__ == "__main__":
    main()
