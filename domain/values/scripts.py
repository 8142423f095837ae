"""Which writing system a text uses, as far as names need to know."""

import re
from typing import Final

# Han with its extensions and iteration marks, Kana (full and half width), Hangul syllables and letters.
EAST_ASIAN: Final = re.compile(
    "[\u1100-\u11ff\u3005-\u3007\u3041-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


def is_east_asian(text: str) -> bool:
    """Whether the text has Han, Kana or Hangul characters."""
    return EAST_ASIAN.search(text) is not None
