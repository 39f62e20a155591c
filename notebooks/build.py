"""Make the editions of every notebook from its .py, which is the source.

    python notebooks/build.py             write the student's editions: notebooks/*.ipynb, committed with the .py
    python notebooks/build.py --check     exit with 1 if one is out of step
    python notebooks/build.py --all DIR   write them, and to DIR/answers and DIR/executed the other two editions

In the student's edition a cell asks, and the answer appears when a prediction is written; in that with answers all
cells are open; in the executed one they have run as well. None but the last has outputs, and cells keep their ids, so
that a file changes only where its source does. Translations lie in a folder of their language (ko/). Needs jupytext
(`make notebooks` installs it), and for --all Jupyter.
"""

import base64
import html
import json
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import questions

from minifcn.explain.predictions import seal

FOLDER = Path(__file__).parent
HOW = {
    "en": "**How this notebook works.** A cell with `predict` asks. Write what you expect in place of the dots and run "
    "it: then the answer appears, with its check, and is explained. `predict.edit(1)` puts the code of answer 1 into a "
    'cell of its own, to be changed. Who wants to keep a record adds `predict.keep("progress.json")`; '
    "`print(predict)` sums it up. Run the next cell first; it holds the answers, sealed.",
    "ko": "**이 노트북을 쓰는 법.** `predict` 칸은 묻는 칸이다. 점 대신 예상을 적고 실행하면 답과 그 검사가 나타나고 "
    "설명이 이어진다. `predict.edit(1)`은 답 1의 코드를 고칠 수 있도록 새 칸에 넣는다. 기록을 남기고 싶으면 "
    '`predict.keep("progress.json")`을 더하고, `print(predict)`로 요약을 본다. 먼저 다음 칸을 실행하라. 봉인된 답이 '
    "들어 있다.",
}


def sources():
    """Give the .py of all notebooks."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py")) + sorted(FOLDER.glob("ko/[0-9][0-9]_*.py"))


def read(source):
    """Give the notebook of a .py as it is written there."""
    notebook = jupytext.read(source)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def finish(notebook, source):
    """Give cells their ids, fold those that only draw, check all, and write it as text."""
    name = "-".join(source.relative_to(FOLDER).with_suffix("").parts)  # 05_..., and of its translation ko-05_...
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{name}-{number:03d}"[-64:]
        folded = "fold" in cell.metadata.get("tags", [])
        cell.metadata = {"jupyter": {"source_hidden": True}} if folded else {}
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def answers(source):
    """Make the edition with answers: every cell of the source, open."""
    notebook = read(source)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = questions.without_marks(cell.source)
    return finish(notebook, source)


def student(source):
    """Make the student's edition: what answers a question is sealed in the second cell."""
    notebook = read(source)
    sealed, calls = [], {}
    for number, question in enumerate(questions.find(notebook.cells), start=1):
        sealed.append({"fields": question.fields, "answer": [_take(notebook.cells[n]) for n in question.sealed]})
        calls[question.asked_in] = _call(number, question)
    kept = []
    for number, cell in enumerate(notebook.cells):
        if cell.source:  # what was taken is empty
            cell.source = questions.without_marks(cell.source) if cell.cell_type == "code" else cell.source
            kept.append(cell)
        if number in calls:
            kept.append(nbformat.v4.new_code_cell(calls[number]))
    language = "ko" if "ko" in source.parts else "en"
    notebook.cells = [kept[0], nbformat.v4.new_markdown_cell(HOW[language]), _opening(source, sealed), *kept[1:]]
    return finish(notebook, source)


def _take(cell):
    """Take what explains out of a cell, and give it as `minifcn.explain.predictions.seal` wants it."""
    if cell.cell_type == "markdown":
        text, cell.source = questions.explanation(cell.source)
        return {"text": text}
    code, cell.source = questions.without_marks(cell.source), ""
    return {"code": code, "shown": "fold" not in cell.metadata.get("tags", [])}


def _call(number, question):
    lines = [f'    "{one["label"]}": ...,' for one in question.fields]
    return "\n".join([f"predict({number}, {{", *lines, "})"])


def _opening(source, sealed):
    text = seal(sealed)
    lines = "\n".join(text[n : n + 110] for n in range(0, len(text), 110))
    code = f'from minifcn import explain\n\npredict = explain.Predictions("{source.stem[:2]}", r"""\n{lines}\n""")'
    cell = nbformat.v4.new_code_cell(code)
    cell.metadata = {"tags": ["fold"]}
    return cell


def site(source):
    """Make the edition of the site: all cells, with a form at each question.

    What the student's edition seals is hidden here.
    """
    notebook = read(source)
    cells = notebook.cells
    forms, after = {}, {}
    for number, question in enumerate(questions.find(cells), start=1):
        for n in question.sealed:
            if cells[n].cell_type == "code":
                cells[n].metadata.setdefault("tags", []).append(f"answer-{number}")
            else:
                text, cells[n].source = questions.explanation(cells[n].source)
                after[n] = f":::::{{container}} answer-{number}\n{text}\n:::::"
        forms[question.asked_in] = _form(source, number, question)
    made = []
    for number, cell in enumerate(cells):
        if number in after:
            made.append(nbformat.v4.new_markdown_cell(after[number]))
        if cell.cell_type == "code":
            cell.source = questions.without_marks(cell.source)
            tags = cell.metadata.get("tags", [])
            cell.metadata = {"tags": [tag if tag != "fold" else "hide-input" for tag in tags]} if tags else {}
        if cell.source:
            made.append(cell)
        if number in forms:
            made.append(nbformat.v4.new_markdown_cell(forms[number]))
    notebook.cells = made
    for number, cell in enumerate(made):
        cell["id"] = f"{source.stem[:2]}-{number:03d}"
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _form(source, number, question):
    """A form without what is right in plain sight; docs/site/predict.js makes it work, and it is hidden without."""
    parts = []
    for one in question.fields:
        label = html.escape(one["label"].partition(" (")[0] if "options" in one else one["label"])
        if "options" in one:
            options = "".join(f"<option>{html.escape(option)}</option>" for option in one["options"])
            parts.append(f"<label>{label} <select><option></option>{options}</select></label>")
        else:
            parts.append(f'<label>{label} <input type="text" size="{18 if len(one) > 1 else 40}"></label>')
    button = "답 보기" if "ko" in source.parts else "Show the answer"
    held = base64.b64encode(json.dumps(question.fields, ensure_ascii=False).encode()).decode()
    return (
        f'<form class="predict" data-notebook="{source.stem[:2]}" data-answer="answer-{number}" '
        f'data-fields="{held}" hidden>'
        f'{"".join(parts)}<button type="submit">{button}</button><output aria-live="polite"></output></form>'
    )


def execute(text):
    """Run a notebook in Jupyter, in an empty folder, and give it with what it put out."""
    from nbclient import NotebookClient  # the other editions need no Jupyter

    notebook = nbformat.reads(text, 4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    return nbformat.writes(notebook) + "\n"


def main(arguments):
    """Write or check all notebooks; gives the exit status."""
    stale = []
    for source in sources():
        target, text = source.with_suffix(".ipynb"), student(source)
        if arguments == ["--check"]:
            stale += [] if target.exists() and target.read_text(encoding="utf-8") == text else [target]
        else:
            target.write_text(text, encoding="utf-8")
        if arguments[:1] == ["--all"]:
            write_others(source, Path(arguments[1]))
    left_over = {*FOLDER.glob("*.ipynb"), *FOLDER.glob("ko/*.ipynb")} - {s.with_suffix(".ipynb") for s in sources()}
    problems = [str(path.relative_to(FOLDER)) for path in stale]
    problems += [f"{path.relative_to(FOLDER)} (without a source)" for path in sorted(left_over)]
    if problems:
        print(f"out of step with their .py: {', '.join(problems)}; run `python notebooks/build.py`", file=sys.stderr)
    return 1 if problems else 0


def write_others(source, folder):
    """Write the edition with answers, and run it for the executed one."""
    text = answers(source)
    for edition, content in (("answers", lambda: text), ("executed", lambda: execute(text))):
        target = folder / edition / source.relative_to(FOLDER).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
