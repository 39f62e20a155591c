"""One way to refuse an argument."""


def expect(holds: bool, message: str) -> None:
    """Raise ValueError with a message that names the argument, what was found, the rule and the fix."""
    if not holds:
        raise ValueError(message)
