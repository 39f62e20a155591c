"""Which .json file of labelme belongs to which photograph, and which photographs have none."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from minifcn.data.folder.json_files import is_annotation
from minifcn.data.folders import ImageAndLabel, Report, listing
from minifcn.data.images import ENDINGS, OTHER_ENDINGS, unread
from minifcn.data.paths import no_file


class Drawings(NamedTuple):
    """What lies in a folder of photographs.

    Parameters
    ----------
    pairs : list of (image path, path of the .json file)
    bare : list of path
        Photographs without a .json file beside them.
    unread : list of path
        Photographs of a format that is not read, and of which no other file is there.
    drawn_unread : bool
        Whether one of those has a .json file.
    """

    pairs: list[ImageAndLabel]
    bare: list[Path]
    unread: list[Path]
    drawn_unread: bool


def find_drawings(folder: Path, report: Report) -> Drawings:
    """Find each photograph with its .json file, in the order of the names.

    Parameters
    ----------
    folder : path
    report : callable
        What is told each file that has no partner or more than one, and each that is not read.

    Returns
    -------
    Drawings
    """
    found = [path for path in listing(folder) if not path.name.startswith(".")]
    no_files = set()
    for path in found:
        what = {".json": "a file of labelme's"}.get(path.suffix.lower(), "a photograph")
        if path.suffix.lower() in (".json", *ENDINGS) and (why := no_file(path, what)):
            report(why)
            no_files.add(path.stem)
    files = [path for path in found if path.is_file()]
    others = {path.stem: path for path in files if path.suffix.lower() == ".json"}
    drawn = {stem: others.pop(stem) for stem, path in [*others.items()] if is_annotation(path)}
    photographs: dict[str, Path] = {}
    bare, foreign = [], []
    for path in files:
        if path.suffix.lower() not in ENDINGS:
            continue
        if path.stem in others:
            foreign.append(path)
            report(
                f"{others[path.stem]}: it lies beside a photograph, as what is drawn in labelme does, but is no file "
                "of labelme's, or damaged; save it again in labelme, or remove it"
            )
        elif path.stem in no_files:
            continue  # reported already
        elif path.stem not in drawn:
            bare.append(path)
        elif path.stem in photographs:
            report(
                f"{path}: {photographs[path.stem].name} has the same name, and {path.stem}.json is of one of the two; "
                "remove the other"
            )
        else:
            photographs[path.stem] = path
    there = photographs.keys() | {path.stem for path in (*bare, *foreign)}
    not_read = [path for path in files if path.suffix.lower() in OTHER_ENDINGS and path.stem not in there]
    for path in not_read:
        report(unread(path))
    stems = {path.stem for path in not_read}
    for stem in sorted(drawn.keys() - there - stems - no_files):
        report(f"{drawn[stem]}: its photograph is not beside it; put it back as {stem}.jpg, or remove the .json file")
    pairs = [(path, drawn[stem]) for stem, path in photographs.items()]
    return Drawings(pairs, bare, not_read, bool(stems & drawn.keys()))
