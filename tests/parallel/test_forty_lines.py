"""The program of the page docs/parallel.md: what is printed there is the program, and any number of ranks agree."""

from pathlib import Path

import launching

ROOT = Path(__file__).parents[2]
PROGRAM, PAGE = ROOT / "docs" / "examples" / "data_parallel.py", ROOT / "docs" / "parallel.md"


def test_the_page_shows_the_program():
    text = PROGRAM.read_text("utf-8")
    assert f"```python\n{text[text.index('import numpy') :]}```" in PAGE.read_text("utf-8")


def test_it_has_about_forty_lines():
    code = [line for line in PROGRAM.read_text("utf-8").split('"""')[2].splitlines() if line.strip()]
    assert len(code) <= 40


def test_any_number_of_ranks_prints_the_same_losses():
    """Also where a batch has fewer images than there are ranks: the last one has two."""
    one, three = (launching.run(ranks, PROGRAM) for ranks in (1, 3))
    assert one.returncode == three.returncode == 0, three.stderr
    losses = one.stdout.split()
    assert len(losses) == 5
    assert losses == three.stdout.split()
    assert float(losses[-1]) < float(losses[0])
