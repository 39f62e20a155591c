"""Make the .ipynb of every notebook from its .py, which is the source; the two are committed together.

Translations lie in a folder of their language (ko/) and are made in the same way.

    python notebooks/build.py           write them
    python notebooks/build.py --check   exit with 1 if one is out of step

The .py is what one edits, compares and tests; the .ipynb is what Jupyter, Colab and GitHub open. It has no outputs, and
cells keep their ids, so that it changes only where its source does. Needs jupytext (`make notebooks` installs it).
"""

import sys
from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).parent


def build(source: Path) -> str:
    """Give the text of the .ipynb."""
    notebook = jupytext.read(source)
    name = "-".join(source.relative_to(FOLDER).with_suffix("").parts)  # 05_..., and of its translation ko-05_...
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{name}-{number:03d}"[-64:]
        cell.metadata = {}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check all notebooks; gives the exit status."""
    sources = sorted(FOLDER.glob("[0-9][0-9]_*.py")) + sorted(FOLDER.glob("ko/[0-9][0-9]_*.py"))
    stale = []
    for source in sources:
        target, text = source.with_suffix(".ipynb"), build(source)
        if arguments == ["--check"]:
            stale += [] if target.exists() and target.read_text(encoding="utf-8") == text else [target]
        else:
            target.write_text(text, encoding="utf-8")
    left_over = {*FOLDER.glob("*.ipynb"), *FOLDER.glob("ko/*.ipynb")} - {path.with_suffix(".ipynb") for path in sources}
    problems = [str(path.relative_to(FOLDER)) for path in stale]
    problems += [f"{path.relative_to(FOLDER)} (without a source)" for path in sorted(left_over)]
    if problems:
        print(f"out of step with their .py: {', '.join(problems)}; run `python notebooks/build.py`", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
