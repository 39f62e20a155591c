"""A small Sphinx extension: links that lead from file to file in the repository lead from page to page on the site.

So a text is written once, and its links work where the repository is browsed as well as here.
"""

import re
from os.path import normpath, relpath
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import download_reference

ROOT = Path(__file__).parents[2]
# Files of the repository that lie elsewhere under docs/, where Sphinx wants them.
PLACES = {"README.md": "docs/readme.md", "exercises/README.md": "docs/exercises.md", "notebooks": "docs/notebooks.md"}
LINK = re.compile(r'(\]\(|<img src=")(?![a-z]+:|#)([^)#"]+)')


def setup(app):
    app.connect("source-read", rewrite_links)
    app.connect("doctree-resolved", link_source_files)
    app.connect("html-page-context", name_language)
    app.connect("html-page-context", link_back)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def rewrite_links(app, page, source):
    """Turn the links of a text to where their targets lie for Sphinx; README.md and its like give it the text first."""
    place = f"docs/{page}.md"
    origin = next((file for file, moved in PLACES.items() if moved == place and (ROOT / file).is_file()), place)
    if origin != place:
        source[0] = (ROOT / origin).read_text("utf-8").replace("# minifcn\n", "# First steps\n", 1)

    def turn(link):
        target = normpath(Path(origin).parent / link[2])
        moved = PLACES.get(target, f"docs/{target}" if target.startswith("notebooks/") else target)
        return link[1] + relpath(moved, Path(place).parent)

    if not page.startswith("notebooks/"):
        text = LINK.sub(turn, source[0])
        source[0] = text.replace("\n\n```\n", "\n```\n")  # the empty line by which a doctest ends


def link_source_files(app, doctree, page):
    """A link to a module, which Sphinx takes for a download, leads to the page that shows its source."""
    for link in list(doctree.findall(download_reference)):
        file = (ROOT / "docs" / page).parent.joinpath(link["reftarget"]).resolve().relative_to(ROOT)
        module = file.as_posix().removesuffix(".py").removesuffix("/__init__")
        if module.replace("/", ".") in getattr(app.env, "_viewcode_modules", {}):
            uri = app.builder.get_relative_uri(page, f"_modules/{module}")
            link.replace_self(nodes.reference("", "", *link.children, refuri=uri, internal=True))


def name_language(app, page, template, context, doctree):
    """Tell browsers and screen readers which language a page is in."""
    context["language"] = "ko" if "ko" in page.split("/") else "en"


def link_back(app, page, template, context, doctree):
    """Let the source of what `minifcn` itself offers link to it by that name; Sphinx takes the name of its module."""
    if page.startswith("_modules/"):
        module_names = r"(api/minifcn\.html#minifcn\.)(?:autograd|recording|(?:backend|compute)(?:\.\w+)?)\."
        context["body"] = re.sub(module_names, r"\1", context["body"])
