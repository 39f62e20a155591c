"""What a notebook's kernel runs first while the site is built: a warning is an error, and no file is left behind.

So a notebook that runs here has shown what tests/test_notebooks.py asks of it as a script. (Jupyter's own warnings are
not the notebook's.) It runs in the notebook's namespace, and leaves no name there that one could forget to import.
"""


def _start():
    import os
    import sys
    import warnings

    warnings.filterwarnings("error", module=r"(__main__|minifcn|numpy|matplotlib|mpl_toolkits|PIL|tqdm)(\.|$)")
    here = os.getcwd() + os.sep

    def refuse_files(event, arguments):
        """Refuse to make a file or a folder in the one that the notebook runs in."""
        makes = event == "os.mkdir" or (event == "open" and set("wxa+").intersection(arguments[1] or "r"))
        if makes and isinstance(arguments[0], str | os.PathLike) and os.path.abspath(arguments[0]).startswith(here):
            raise PermissionError(f"a notebook leaves no files behind, but here is one: {arguments[0]}")

    sys.addaudithook(refuse_files)


_start()
del _start
