"""The browser in which tests look at pages."""

import shutil

BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
MISSING = "no chromium, chromium-browser or google-chrome on the PATH"


def command(profile, *arguments):
    """Start it without a window, with a profile of its own, which is a folder."""
    return [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", *arguments]
