"""Whether a dataset is what its manifest says, and its decisions are what its recipe says."""

from pipelines.verify.findings import Findings
from pipelines.verify.repository import verify_copy, verify_repository
from pipelines.verify.run import verify_run

__all__ = ["Findings", "verify_copy", "verify_repository", "verify_run"]
