"""Language identification with a fastText model that somebody else has loaded.

Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification"; the model is
lid.176 (https://fasttext.cc/docs/en/language-identification.html).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filters.signal import Signal

if TYPE_CHECKING:
    from filters.fasttext_lines import QuickPredictor

_PREFIX = "__label__"


@dataclass(frozen=True, slots=True)
class LanguageIdentifier:
    """Asks `model`, as `fasttext.load_model` returns it, for the likeliest language."""

    model: Any
    quick: "QuickPredictor | None" = None
    """Answers as the model does, where it can (`quick_predictor`)."""

    def identify(self, text: str) -> tuple[str, float]:
        """Return the code of the likeliest language and the model's score, 0 to about 1.

        The text is one line to the model, with a newline at its end: without that the
        scores differ (fastText's Python wrapper adds it). `("", 0.0)` if the model answers
        nothing. The wrapper itself is passed by because it fails with some NumPy versions.
        """
        quick = self.quick.predict(text) if self.quick else None
        if quick is not None:
            label, score = quick
            return label.removeprefix(_PREFIX), score
        found = self.model.f.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict")
        if not found:
            return "", 0.0
        score, label = found[0]
        return label.removeprefix(_PREFIX), score

    def scores(self, text: str) -> dict[str, float]:
        """Return the score of every language by its code, the likeliest first.

        The text is prepared as in `identify`, which gives the first entry. A language that is
        missing scores nothing that the model could tell from 0.
        """
        found = self.model.f.predict(text.replace("\n", " ") + "\n", -1, 0.0, "strict")
        return {label.removeprefix(_PREFIX): score for score, label in found}


CODE = Signal(
    name="language.code",
    kind=str,
    summary="The likeliest language, e.g. 'en'.",
    module=__name__,
)
SCORE = Signal(
    name="language.score",
    kind=float,
    summary="The language model's score of the likeliest language.",
    module=__name__,
)
