"""Debian's Chromium, driven by playwright: nothing of it asks the outside."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
TIMEOUT = 15_000  # Milliseconds for each step.


@pytest.fixture(scope="module")
def chromium():
    """One browser for a module's tests; not longer: playwright holds the thread's event loop, which other tests need."""
    path = shutil.which("chromium")
    assert path, "Debian's package chromium is missing: make test installs it"
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET, *as_root])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, stack):
    """A page of a new person; every message of its console and every address it asked are kept."""
    context = chromium.new_context(base_url=stack.gateway_url, locale="fr-FR")
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    yield page
    context.close()


@pytest.fixture
def page_without_scripts(chromium, stack):
    """The same without JavaScript: every form must work."""
    context = chromium.new_context(base_url=stack.gateway_url, java_script_enabled=False)
    context.set_default_timeout(TIMEOUT)
    yield context.new_page()
    context.close()
