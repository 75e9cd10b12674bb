"""What a run will cost and yield, from a sample of its units.

`survey` draws units and estimates totals, `sampling` draws those of an input, `probe` runs
them through the real stages, `looked` says what each gave, `figures` what all would give.
"""

from pipelines.plan.forecast import make_plan
from pipelines.plan.sampling import PlanOptions

__all__ = ["PlanOptions", "make_plan"]
