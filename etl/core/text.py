"""Text for people: what comes from elsewhere made fit for a terminal, and numbers with their nouns."""


def printable(text: str) -> str:
    """The text on one line, without anything that steers a terminal or turns the reading direction.

    Line breaks and other white space become spaces; control and format characters (escape sequences, C1 controls,
    bidirectional marks, half surrogate pairs) become U+FFFD. Letters and signs of every script stay as they are.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def many(count: int, noun: str) -> str:
    """A number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"
