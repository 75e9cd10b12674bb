"""The cascade: a page whose cheap text leaves it no chance is spared the expensive extraction.

`look` decides on one page, `loss` says what a run has lost by it, `calibrate` finds
the margin from a sample for a loss that somebody names.
"""

from pipelines.cascade.look import CHECKED, COLUMNS, SCORE, SKIPPED, Cascade, Glance
from pipelines.cascade.loss import LossTally, loss_in_words, measured_loss

__all__ = [
    "CHECKED",
    "COLUMNS",
    "SCORE",
    "SKIPPED",
    "Cascade",
    "Glance",
    "LossTally",
    "loss_in_words",
    "measured_loss",
]
