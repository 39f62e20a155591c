"""`python -m minifcn` is the command `minifcn`."""

import sys

from minifcn.cli import main

if __name__ == "__main__":
    sys.exit(main())
