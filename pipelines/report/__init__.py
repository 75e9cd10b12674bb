"""The report of a run: one HTML file that opens anywhere, without a network."""

from pipelines.report.write import DEFAULT_SAMPLE, write_report

__all__ = ["DEFAULT_SAMPLE", "write_report"]
