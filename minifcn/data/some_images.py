"""A part of a data set, for a process that shares it with others."""

from __future__ import annotations

from minifcn.data.dataset import Dataset, Sample


class SomeImages(Dataset):
    """Images of a data set that stand side by side.

    Parameters
    ----------
    dataset : Dataset
    rows : slice
        Which; its ends are within the data set.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> some = SomeImages(Shapes(10), slice(3, 5))
    >>> len(some), some[0].name == Shapes(10)[3].name
    (2, True)
    """

    def __init__(self, dataset: Dataset, rows: slice):
        self.dataset, self.places = dataset, range(len(dataset))[rows]
        self.described_as(dataset)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self.places[index]]
