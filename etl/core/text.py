"""Text for users: foreign text made safe for a terminal, and numbers with nouns."""


def printable(text: str) -> str:
    """The text on one line, without anything that controls a terminal or changes the reading direction.

    Line breaks and other white space become spaces; control and format characters (escape sequences, C1 controls,
    bidirectional marks, unpaired surrogates) become U+FFFD. Letters and symbols of every script stay as they are.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def many(count: int, noun: str) -> str:
    """A number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"
