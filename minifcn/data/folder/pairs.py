"""Which mask belongs to which image: the one of its name, with a suffix that all masks have in common."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from minifcn.data.folder.layout import BESIDE, Part, is_picture
from minifcn.data.folders import ImageAndLabel, Report, listing
from minifcn.data.images import unread

# "_mask", "-label", ".seg", "Mask"; but a 0 is none: 10 is no mask of 1.
_SUFFIX = re.compile(r"|[_\-. ].*|(mask|label|seg|annot|gt).*")


def find_pairs(part: Part, report: Report) -> list[ImageAndLabel]:
    """Find the pairs of image and mask of two folders, in the order of the names.

    Parameters
    ----------
    part : Part
    report : callable
        What is told each file that has no partner or more than one, and each that is not read; it is left out.

    Returns
    -------
    list of (image path, mask path)
    """
    images, masks = _pictures(part, report)
    if not images and not masks:
        return []
    suffix, partners = _partners(images, masks)
    if images and masks and not partners:
        report(
            f"{part.masks}: no mask has the name of an image: {next(iter(masks.values())).name} does not go with "
            f"{next(iter(images.values())).name}; name masks as their images, all with the same suffix (such as _mask)"
        )
        return []
    pairs = {}
    for name, path in images.items():
        own = [masks[mask] for mask in partners[name]]
        if any(map(unread, (path, *own))):
            continue  # reported when it was found
        if len(own) > 1:
            report(f"{path}: {own[0].name} and {own[1].name} are both masks of it; leave one in {part.masks.name}/")
        elif own:
            pairs[name] = (path, own[0])
    missing = [path for name, path in images.items() if not partners[name] and not unread(path)]
    _report_missing(part, missing, len(images), suffix, report)
    used = {mask for name in images for mask in partners[name]}
    for mask, path in masks.items():
        if mask not in used and not unread(path):
            report(f"{path}: there is no image of this mask in {part.images.name}/; add the image or remove the mask")
    return list(pairs.values())


def folded(name: str) -> str:
    """Give what two names have in common that are one on some disks: in capitals or not, accents in either form."""
    return unicodedata.normalize("NFC", name).casefold()


def _report_missing(part: Part, missing: list[Path], count: int, suffix: str, report: Report) -> None:
    have = "1 image has" if count == 1 else f"{len(missing)} of {count} images have"
    for path in missing[:1]:
        report(f"{part.masks}: {have} no mask, the first is {path}; add {path.stem}{suffix}.png, or remove the image")
    for path in missing[1:]:
        report(f"{path}: the image has no mask in {part.masks.name}/; add {path.stem}{suffix}.png, or remove the image")


def _pictures(part: Part, report: Report) -> tuple[dict[str, Path], dict[str, Path]]:
    """Images and masks by their names without an ending."""
    images = [path for path in listing(part.images) if is_picture(path)]
    if part.images == part.masks:
        masks = [path for path in images if BESIDE.search(path.stem)]
        images = [path for path in images if not BESIDE.search(path.stem)]
    else:
        masks = [path for path in listing(part.masks) if is_picture(path)]
    return _by_name(images, report), _by_name(masks, report)


def _by_name(paths: Sequence[Path], report: Report) -> dict[str, Path]:
    found: dict[str, Path] = {}
    read = {folded(path.stem) for path in paths if not unread(path)}
    for path in paths:
        name = folded(path.stem)
        if why := unread(path):
            if name not in read:  # else it was saved as JPEG already
                report(why)
                found.setdefault(name, path)
        elif name in found:
            why = "the names differ in their endings" if found[name].stem == path.stem else "on some disks they are one"
            report(f"{path}: {found[name].name} has the same name ({why}); remove or rename one of the two")
        else:
            found[name] = path
    return found


def _partners(images: dict[str, Path], masks: dict[str, Path]) -> tuple[str, dict[str, list[str]]]:
    """The suffix that most masks have in common, and the masks that each image could have, if there is any."""
    candidates: list[tuple[str, str, str]] = []  # image, mask, suffix
    for mask in masks:
        for end in range(len(mask), 0, -1):
            if mask[:end] in images and _SUFFIX.fullmatch(mask[end:]):
                candidates.append((mask[:end], mask, mask[end:]))
    counts = Counter(suffix for _, _, suffix in candidates)
    partners: defaultdict[str, list[str]] = defaultdict(list)
    if not counts:
        return "", partners
    common = max(counts, key=lambda suffix: (counts[suffix], -len(suffix)))
    taken = {mask: image for image, mask, suffix in candidates if suffix == common}
    for image, mask, suffix in candidates:
        if suffix == common or (mask not in taken and (not suffix or BESIDE.fullmatch(suffix))):
            partners[image].append(mask)
    first = masks[next(iter(taken))].stem
    return first[len(first) - len(common) :], partners
