"""A real Chromium without a window, and what it sees of a page that lies in a file."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE, DESKTOP = (390, 844), (1280, 900)


class NotHereError(Exception):
    """Something that it needs is not on this machine; the message says what."""


@contextmanager
def open_browser(profile: Path) -> Iterator[Any]:
    """A driver of selenium's, with a fresh profile, that keeps what pages say and ask for.

    Raises:
        NotHereError: There is no Chromium, no driver of it, or no selenium.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    for found, name in ((chromium, "chromium"), (driver, "chromedriver"), (find_spec("selenium"), "selenium")):
        if not found:
            raise NotHereError(f"{name} is not here: apt-get install chromium chromium-driver; pip install selenium")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = Chrome(options=options, service=Service(driver))
    try:
        yield browser
    finally:
        browser.quit()


def look(browser: Any, page: Path, size: tuple[int, int], *, dark: bool = False) -> None:
    """Open a page at a size in CSS pixels, and forget what was said and asked for before."""
    browser.get_log("browser")
    browser.get_log("performance")
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wishes.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
    browser.get(page.as_uri())


def asked_for(browser: Any, page: Path) -> list[str]:
    """Every address that a page wanted, itself first, as the network layer saw it."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [one["params"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    return [one["request"]["url"] for one in sent if one["documentURL"] == page.as_uri()]
