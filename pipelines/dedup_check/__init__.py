"""`cuvee dedup-check`: what the near-duplicate settings of a run really find."""

from pipelines.dedup_check.documents import draw_documents, read_settings
from pipelines.dedup_check.measure import SIMILARITIES, CheckOptions, check

__all__ = ["SIMILARITIES", "CheckOptions", "check", "draw_documents", "read_settings"]
