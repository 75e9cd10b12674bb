"""The values of one row, whatever it was read from, as what the curator takes."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from filters.imported import in_row
from pipelines.crawl.model import Damage, Row
from pipelines.crawl.text.columns import MISSING
from pipelines.crawl.text.lines import MAX_LINE


def make_row(
    values: Mapping[str, Any],
    file_path: str,
    record: int,
    offset: int | None = None,
    signals: Iterable[str] = (),
) -> Row | Damage:
    """Make a row of what stands under `text`, `id`, `url` and `date`; what is absent is MISSING.

    What stands under the full names of `signals` becomes the row's own.

    A text that is null or empty is an empty page's. One that is no string, or whose
    column is not there, makes the row a `Damage`: `text_not_a_string`, `no_text`; so does
    one of more than `MAX_LINE` characters: `too_large`.
    """
    row_id = name_of(values.get("id")) or unnamed(file_path, record)
    url, when = values.get("url"), _date(values.get("date"))
    address = _unicode(url) if isinstance(url, str) else ""
    text = values.get("text", MISSING)
    if text is None:
        text = ""
    if not isinstance(text, str) or len(text) > MAX_LINE:
        reason = "too_large" if isinstance(text, str) else "text_not_a_string"
        reason = "no_text" if text is MISSING else reason
        return Damage(record, offset, reason, id=row_id, url=address, date=when)
    return Row(record, offset, row_id, address, when, text, in_row(values, signals))


def unnamed(file_path: str, record: int) -> str:
    """Return what a row is called that has no id of its own."""
    return f"{file_path}#{record}"


def name_of(value: Any) -> str:
    """Return an id as a string; empty where the value is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return _unicode(str(value)) if isinstance(value, str | int | float) else ""


def _date(value: Any) -> str:
    """Return a date as it stands there, a point in time as ISO 8601 in UTC."""
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=value.tzinfo or UTC)
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:  # at the very ends of the calendar
            return value.isoformat()
        return moment.isoformat().removesuffix("+00:00") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return name_of(value)


def _unicode(text: str) -> str:
    """Replace lone surrogates: JSON can spell them, but they are no text."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
