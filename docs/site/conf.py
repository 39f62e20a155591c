"""The site: `make docs` builds it into build/site. Neither that nor reading it asks the network for anything."""

import hashlib
import importlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

from jupyter_cache import get_cache

import minifcn
from minifcn import explain

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build"
sys.path[:0] = [str(HERE), str(ROOT / "notebooks")]

project = "minifcn"
html_title = "minifcn"
copyright = "minifcn contributors"
version = release = minifcn.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "figure_texts",
    "repository_links",
]
exclude_patterns = ["site", "images"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "html_image"]
myst_heading_anchors = 3

# Sphinx reads what lies under docs/: the notebooks come in the edition of the site, a form at each question.
editions = importlib.import_module("build")  # of notebooks/
for source in editions.sources():
    edition = ROOT / "docs" / source.relative_to(ROOT).with_suffix(".ipynb")
    edition.parent.mkdir(parents=True, exist_ok=True)
    if not edition.exists() or edition.read_text("utf-8") != editions.site(source):
        edition.write_text(editions.site(source), "utf-8")

# A notebook is executed again when it has changed, or anything of minifcn.
PACKAGE = sorted(path for path in (ROOT / "minifcn").rglob("*") if path.suffix in (".py", ".html", ".css", ".js"))
STATE = hashlib.sha256(b"".join(path.read_bytes() for path in PACKAGE)).hexdigest()[:16]
nb_execution_mode = "cache"
EXECUTED = BUILD / "executed-notebooks" / STATE
nb_execution_cache_path = str(EXECUTED)
EXECUTED.mkdir(parents=True, exist_ok=True)
get_cache(EXECUTED).list_cache_records()  # which makes its database: of two processes that found none, one would fail
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # of a cell, on a machine that has more to do
nb_merge_streams = True
STARTUP = BUILD / "ipython" / "profile_default" / "startup"
STARTUP.mkdir(parents=True, exist_ok=True)
shutil.copyfile(HERE / "notebook_startup.py", STARTUP / "notebook_startup.py")
os.environ["IPYTHONDIR"] = str(BUILD / "ipython")
os.environ["MATPLOTLIBRC"] = str(ROOT / "minifcn" / "explain" / "figures.mplstyle")  # also for pages without pyplot

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's list of parameters says more than their annotations
numpydoc_show_class_members = False
default_role = "code"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_css_files = ["site.css"]
html_js_files = ["predict.js"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#0072b2"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}

# MathJax comes along as one file with its fonts inside; by default it would be a script on somebody's server.
MATHJAX = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / "tex-svg.js"
STATIC = BUILD / "static"
STATIC.mkdir(parents=True, exist_ok=True)
shutil.copyfile(MATHJAX, STATIC / "mathjax.js")
for file in ("site.css", "predict.js"):
    shutil.copyfile(HERE / file, STATIC / file)
html_static_path = [str(STATIC)]

# The laboratory and the flight simulator as pages of their own, whose addresses keep their states.
EXTRA = BUILD / "extra"
EXTRA.mkdir(exist_ok=True)
explain.Laboratory().save_html(EXTRA / "lab.html")
explain.FlightSimulator().save_html(EXTRA / "fcn.html")
html_extra_path = [str(EXTRA)]
mathjax_path = "mathjax.js"
