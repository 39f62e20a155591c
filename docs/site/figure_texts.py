"""A small Sphinx extension: figures of notebooks get a text alternative, which is the title that the code gives them.

The titles state what a figure shows. Without this a screen reader would read out the name of the picture's file.
A picture on paper of its own gets the class "plot" if that is most of it: a dark page may turn black and white in it
(site.css); otherwise it gets the class "photo". A figure that lets the page shine through gets the class "clear".
"""

import ast
from pathlib import Path

import numpy as np
from docutils import nodes
from PIL import Image


def setup(app):
    app.connect("doctree-resolved", describe_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def describe_figures(app, doctree, page):
    for cell in doctree.findall(lambda node: isinstance(node, nodes.container) and "cell" in node["classes"]):
        inputs = [part for part in cell.findall(nodes.container) if "cell_input" in part["classes"]]
        code = "\n".join(block.astext() for part in inputs for block in part.findall(nodes.literal_block))
        for image in cell.findall(nodes.image):
            image["classes"].append(kind(Path(app.srcdir, image["uri"])))
            image["alt"] = image.get("alt") or f"Figure: {'; '.join(titles(code)) or 'drawn by the code above'}"
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir) / image["uri"]
        if path.parent.name == "images" and path.suffix == ".png":
            image["classes"].append(kind(path))


def kind(path):
    """Tell how a picture is to be shown on a dark page."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGBA"))
    if (pixels[..., 3] == 0).mean() > 0.01:
        return "clear"
    paper = (pixels[..., :3] >= 250).all(axis=2).mean()
    return "plot" if paper > 0.5 else "photo"


def titles(code):
    """Find the title of a figure in the code that draws it, or else those of its parts."""
    try:
        calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    except SyntaxError:  # a magic command
        return []
    of_the_figure = [call.args[0] for call in calls if getattr(call.func, "attr", "") == "suptitle"]
    of_parts = [call.args[0] for call in calls if getattr(call.func, "attr", "") == "set_title"]
    of_parts += [word.value for call in calls for word in call.keywords if word.arg == "title"]
    texts = (_text(node) for node in of_the_figure or of_parts)
    return [" ".join(text.split()) for text in texts if text.strip(" .…")]


def _text(node):
    """Read a string; what an f-string fills in is left open."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in parts)
