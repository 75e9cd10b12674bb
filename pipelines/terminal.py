"""Text from elsewhere, made safe to show on a terminal."""

import re

# Pages are hostile: nothing from them may move the cursor or change the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Return text that a terminal shows as it is: control characters become `·`."""
    return _CONTROL.sub("·", text)
