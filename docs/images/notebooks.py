"""Draw the pictures of the notebooks' path, notebooks/NN.png, and segmented.png of the front page.

    python docs/images/notebooks.py        all of them, in some two minutes
    python docs/images/notebooks.py 05 09  these

Each is one figure of its notebook, made small.
"""

import io
import os
import runpy
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
import matplotlib.pyplot as plt
from PIL import Image

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
# The figure that stands for the notebook, by a word of its title.
FIGURES = {
    "00": "prediction",
    "01": "Values",
    "02": "C: in each row",
    "03": "Each pool halves",
    "04": "twelve pictures",
    "05": "Every pixel stamps",
    "06": "A bilinear kernel",
    "07": "To be sure",
    "08": "Too large a step",
    "09": "Grey: predicted as disc",
    "10": "FCN-8s: what is added",
    "11": "The trained network",
    "12": "Pixels of one colour",
    "13": "By steps sampling",
    "14": "What is left of the truth",
    "15": "The edges come back",
    "16": "without looking",
    "17": "four tiles",
}
SIZE = 320, 200


def titled(word):
    """Find an open figure by a word of its title or of the titles of its parts."""
    for number in plt.get_fignums():
        figure = plt.figure(number)
        titles = [figure.get_suptitle(), *(ax.get_title() for ax in figure.axes)]
        if any(word in title for title in titles):
            return figure
    raise LookupError(f"no figure has {word!r} in its title")


def small(figure, size):
    """Give a figure as a small picture, as transparent as the figure is."""
    memory = io.BytesIO()
    figure.savefig(memory, dpi=100)
    picture = Image.open(memory).convert("RGBA")
    picture.thumbnail(size, Image.Resampling.LANCZOS)
    sheet = Image.new("RGBA", size)
    sheet.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return sheet


def main(chosen):
    """Run the notebooks and keep their pictures."""
    (HERE / "notebooks").mkdir(exist_ok=True)
    for number in chosen or FIGURES:
        (source,) = NOTEBOOKS.glob(f"{number}_*.py")
        runpy.run_path(str(source))
        picture = small(titled(FIGURES[number]), SIZE)
        picture.quantize(64).save(HERE / "notebooks" / f"{number}.png", optimize=True)
        if number == "11":
            small(titled(FIGURES[number]), (700, 310)).quantize(128).save(HERE / "segmented.png", optimize=True)
        plt.close("all")


if __name__ == "__main__":
    main(sys.argv[1:])
