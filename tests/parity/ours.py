"""Our side of the comparison: what `configs/fineweb.yaml` says, applied to extracted text."""

from pathlib import Path
from typing import Any

import yaml

from filters.catalog import EDITS
from filters.edit import Options
from filters.judge import DropStage, EditStage, Judge, Judgement, decide
from filters.rule import Rule, parse_rule
from filters.segment import segmenter
from filters.text import Text
from pipelines.assets import load_language_identifier
from tests.parity.oracle import Verdict

RECIPE = Path(__file__).parents[2] / "configs" / "fineweb.yaml"


class Ours:
    """The recipe's rules and edits; URLs and near-duplicates are left to other tests."""

    def __init__(self, language_model: Path) -> None:
        stages = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))["stages"]
        dedup = next(i for i, stage in enumerate(stages) if "dedup" in stage)
        self._identifier = load_language_identifier(str(language_model))
        self._gates = [rule for stage in stages for rule in _language_rules(stage)]
        self._segmenter = segmenter("en")
        self._judge = Judge([_block(s) for s in stages[:dedup] if "gate" not in s], self._segmenter)
        self._finals = [next(iter(s["edit"].items())) for s in stages[dedup:] if "edit" in s]

    @property
    def rules(self) -> list[str]:
        """Names of the quality rules."""
        steps = (second for first, second in self._judge._steps if isinstance(first, tuple))
        return [rule.name for rules in steps for rule in rules]

    def judgement(self, text: str) -> Judgement:
        """Return everything measured on a text that has passed the gates."""
        return self._judge.judge(text, audited=True)

    def judge(self, text: str, *, gate: bool = True) -> Verdict:
        """Return our verdict in the oracle's terms."""
        if gate:
            code, score = self._identifier.identify(text)
            values = {"language.code": code, "language.score": score}
            if decide(self._gates, values, "language") is not None:
                return Verdict("language", text)
        judgement = self._judge.judge(text)
        if judgement.decision is not None:
            return Verdict(judgement.decision.rule, judgement.text)
        return Verdict(None, self.finish(judgement.text))

    def finish(self, text: str) -> str:
        """Return a kept text after the edits that follow near-duplicate removal."""
        for name, options in self._finals:
            text = EDITS[name].apply(Text(text, self._segmenter), _complete(name, options)).text
        return text


def _complete(name: str, options: dict[str, Any]) -> Options:
    return {**EDITS[name].options, **options}


def _language_rules(stage: dict[str, Any]) -> list[Rule]:
    rules = [parse_rule(name, written) for name, written in stage.get("gate", {}).items()]
    return [rule for rule in rules if rule.numerator.startswith("language.")]


def _block(stage: dict[str, Any]) -> DropStage | EditStage:
    if "drop" in stage:
        return DropStage(tuple(parse_rule(*rule) for rule in stage["drop"].items()))
    name, options = next(iter(stage["edit"].items()))
    return EditStage(name, _complete(name, options))
