"""A page in Chromium, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["open_page"]


def open_page(browser: Any, page: Path, width: int, scheme: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    browser.get(page.as_uri())
    ready = "return document.documentElement.dataset.ready || !document.getElementById('failed').hidden"
    WebDriverWait(browser, 60).until(lambda chrome: chrome.execute_script(ready))
