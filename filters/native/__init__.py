"""Kernels in C++: what takes most of the time after extraction, many times faster.

What each computes is said in Python, where it is done without this library too, or by another
one: `filters/lexicon.py`, `filters/ngrams.py`, `filters/minhash.py`,
`filters/fasttext_lines.py`, `pipelines/pieces.py`. The library is compiled when the package is
installed (`hatch_build.py`), with a plain C interface, so it needs a compiler but no headers of
Python. Calls keep Python's lock.
"""

import ctypes
import sys
from functools import cache
from typing import Any

VERSION = 4
"""Of the interface. `hatch_build.py` compiles it in; another one's library is not used."""

_LIBRARY = "kernels.so"
_INT, _POINTER, _BYTES = ctypes.c_int64, ctypes.c_void_p, ctypes.c_char_p
_INTERFACE: dict[str, tuple[Any, list[Any]]] = {
    "lexicon_new": (_POINTER, [_INT, _INT]),
    "lexicon_free": (None, [_POINTER]),
    "lexicon_rule": (_INT, [_POINTER, ctypes.c_char, _BYTES, _INT, _INT]),
    "lexicon_learn": (_INT, [_POINTER, _BYTES, _INT, _BYTES, _INT, _BYTES, _INT]),
    "lexicon_read": (_INT, [_POINTER, _BYTES, _INT, _INT]),
    "lexicon_may_tell": (_INT, [_BYTES, _INT]),
    "lexicon_output": (_POINTER, [_POINTER]),
    "lexicon_unknown": (_POINTER, [_POINTER]),
    "lexicon_unknown_count": (_INT, [_POINTER]),
    "lexicon_chunks": (_INT, [_POINTER]),
    "ngrams_top": (_INT, [_POINTER, _INT, _POINTER, _INT, _POINTER]),
    "ngrams_duplicate": (_INT, [_POINTER, _INT, _POINTER, _BYTES, _INT, _INT, _INT, _POINTER]),
    "minhash_shingles": (_INT, [_POINTER, _INT, _BYTES, _INT, _INT, _POINTER]),
    "minhash_least": (None, [_POINTER, _INT, _POINTER, _POINTER, _INT, _POINTER]),
    "pieces_new": (_POINTER, [_INT, _INT, _INT, _INT, _INT]),
    "pieces_free": (None, [_POINTER]),
    "pieces_classify": (None, [_POINTER, _INT, _INT]),
    "pieces_teach": (_INT, [_POINTER, _POINTER, _POINTER, _INT]),
    "pieces_teach_whole": (_INT, [_POINTER, _BYTES, _POINTER, _POINTER, _INT]),
    "pieces_learn": (_INT, [_POINTER, _BYTES, _INT, _POINTER, _INT]),
    "pieces_read": (_INT, [_POINTER, _BYTES, _INT, _INT]),
    "pieces_ids": (_POINTER, [_POINTER]),
    "pieces_unknown": (_POINTER, [_POINTER, _INT, _POINTER]),
    "fasttext_new": (
        _POINTER,
        [_POINTER, _INT, _INT, _POINTER, *[_INT] * 4, _BYTES, _INT, _POINTER, _POINTER, _INT],
    ),
    "fasttext_free": (None, [_POINTER]),
    "fasttext_predict": (_INT, [_POINTER, _BYTES, _INT, _POINTER, _POINTER]),
    "minhash_sha1_anywhere": (ctypes.c_uint64, [_BYTES, _INT]),
}


@cache
def kernels() -> ctypes.PyDLL | None:
    """Return the library, loaded once; None where there is none of this version.

    It is looked for beside this module, then among installed packages: a copy of the sources
    on another machine, as `ray job submit --working-dir` makes it, has none of its own.
    """
    own = __file__.rpartition("/")[0]
    places = [own, *(f"{place}/filters/native" for place in sys.path if place)]
    for place in dict.fromkeys(places):
        try:
            library = ctypes.PyDLL(f"{place}/{_LIBRARY}")
            version = library.kernels_version()
        except (OSError, AttributeError):
            continue
        if version == VERSION:
            return _declared(library)
    return None


def _declared(library: ctypes.PyDLL) -> ctypes.PyDLL:
    for name, (result, arguments) in _INTERFACE.items():
        function = library[name]
        function.restype, function.argtypes = result, arguments
        setattr(library, name, function)
    return library
