"""The one exception that the command line turns into a single line and exit status 2; any room may raise it."""


class UserError(ValueError):
    """A file or a command-line value that the user can put right.

    The message is one line: the argument or file, the rule, what was found, and the fix. The command line prints it
    as `minifcn: <message>`, without a traceback, and exits with status 2.

    Examples
    --------
    >>> raise UserError("photo.jpg: the file is empty; download it again")
    Traceback (most recent call last):
    minifcn.errors.UserError: photo.jpg: the file is empty; download it again
    """

    def __init__(self, message: str):
        # The name of a file may hold line feeds, or what a terminal takes as a command.
        super().__init__("".join(c if c.isprintable() or ord(c) >= 0xD800 else repr(c)[1:-1] for c in str(message)))
