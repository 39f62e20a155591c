"""A page of its own around what a notebook shows."""

from __future__ import annotations

import html


def whole_page(title: str, fragment: str) -> bytes:
    """Make a page that any browser shows, light or dark, without a network.

    Parameters
    ----------
    title : str
        As text; also its heading.
    fragment : str
        HTML.

    Returns
    -------
    bytes

    Examples
    --------
    >>> whole_page("a < b", "<p>So it is.</p>\\n").decode().splitlines()[6]
    '<title>a &lt; b</title>'
    """
    title = html.escape(title)
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n</head>\n"
        '<body style="margin: 16px">\n'
        f'<h1 style="font: 600 20px system-ui, sans-serif; margin: 0 0 10px">{title}</h1>\n'
        f"{fragment}</body>\n</html>\n"
    )
    return page.encode()
