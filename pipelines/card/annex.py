"""An annex for the EU's public summary of training content, as data and as a page.

Article 53(1)(d) of Regulation (EU) 2024/1689 binds those who provide models, not those who
publish datasets. What the Commission's template (C(2025) 8311) asks of them about data
crawled from the web is answered here for this dataset, to be taken over.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.card.facts import Facts
from pipelines.card.head import language_codes
from pipelines.card.markup import code
from pipelines.card.reservations import NOT_MEASURED, in_annex

_AS_IS = ("first_page", "latest_acquisition", "recipe_digest", "sha256_of_their_list")
_BY_NAME = ("documents_by_language_label", "pages_removed_by_address")
NOT_STATED = "not stated"
_EU_LANGUAGES = frozenset(
    "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv".split()  # noqa: SIM905  24 codes are read as a line
)
"""The official languages, ISO 639-1 (Regulation No 1, article 1)."""
_BANDS = (
    (1_000_000_000, "less than 1 billion tokens"),
    (10_000_000_000_000, "1 billion to 10 trillion tokens"),
)
_LARGEST_BAND = "more than 10 trillion tokens"
_CRAWLER_OF_COMMON_CRAWL = "CCBot, of the Common Crawl Foundation (https://commoncrawl.org/ccbot)"


def annex(facts: Facts) -> dict[str, Any]:
    """Return the annex as data; what nobody has said or measured says so."""
    return {
        "about": {
            "dataset": facts.name,
            "address": facts.address if facts.repo else NOT_STATED,
            "version": facts.person.text("version") or NOT_STATED,
            "contact": facts.person.text("contact") or NOT_STATED,
            "licence": facts.person.text("license") or NOT_STATED,
            "recipe_digest": facts.manifest["recipe"]["digest"],
        },
        "1.3 training data": _size_and_content(facts),
        "2.1 publicly available datasets": _as_public_dataset(facts),
        "2.3 data crawled from the web": _crawled(facts),
        "3.1 reservations of rights": _reservations(facts),
        "3.2 illegal content": _illegal(facts),
    }


def _size_and_content(facts: Facts) -> dict[str, Any]:
    amount = facts.amount
    codes = language_codes(facts.languages)
    band = next((name for limit, name in _BANDS if amount.tokens < limit), _LARGEST_BAND)
    return {
        "modality": "text",
        "size_band": band,
        "tokens": amount.tokens,
        "tokenizer": facts.tokenizer,
        "documents": amount.rows,
        "bytes_of_text": amount.bytes,
        "content": "web pages, as extracted text",
        "first_page": _date(facts, 0),
        "latest_acquisition": _date(facts, 1),
        "official_languages_of_the_EU": [code for code in codes if code in _EU_LANGUAGES],
        "other_languages": [code for code in codes if code not in _EU_LANGUAGES],
        "documents_by_language_label": facts.languages,
    }


def _date(facts: Facts, index: int) -> str:
    dates = facts.manifest["dates"]
    return str(dates[index]) if dates else NOT_STATED


def _as_public_dataset(facts: Facts) -> dict[str, Any]:
    """Return what a provider who trains on the published dataset says of it."""
    rules = len(facts.rules)
    return {
        "name": facts.name,
        "link": facts.address if facts.repo else NOT_STATED,
        "period_of_collection": [_date(facts, 0), _date(facts, 1)],
        "selection": f"The {rules:,} rules of the recipe in recipe.yaml, in order; what each "
        "removed is in funnel.parquet.",
        "modifications": f"Personal data replaced: {_replaced(facts)}.",
    }


def _replaced(facts: Facts) -> str:
    edits = facts.manifest["edits"]
    return ", ".join(f"{name} {count:,}" for name, count in edits.items()) or "none"


def _crawled(facts: Facts) -> dict[str, Any]:
    found = facts.counted.domains if facts.counted else None
    common_crawl = bool(facts.dumps) and all(name.startswith("CC-MAIN-") for name in facts.dumps)
    given = _CRAWLER_OF_COMMON_CRAWL if common_crawl else NOT_STATED
    return {
        "crawler": facts.person.text("crawler") or given,
        "crawls": list(facts.dumps),
        "period": [_date(facts, 0), _date(facts, 1)],
        "crawl_files": facts.manifest["inputs"]["files"],
        "sha256_of_their_list": facts.manifest["inputs"].get("list_sha256", NOT_STATED),
        "pages_crawled": facts.manifest["pages"],
        "domains": {
            "number": found.count if found else NOT_MEASURED,
            "all_of_them": "domains.parquet, by bytes of text",
            "top_10_percent": {
                "number": found.tenth,
                "where": f"the rows of domains.parquet with rank <= {found.tenth}",
                "bytes_of_text": found.tenth_bytes,
                "of_bytes_of_text": found.bytes,
            }
            if found
            else NOT_MEASURED,
            "largest": [
                {name: row[name] for name in ("rank", "domain", "pages", "bytes", "tokens")}
                for row in (found.largest if found else ())
            ],
        },
    }


def _reservations(facts: Facts) -> dict[str, str]:
    return {
        **dict(in_annex(facts)),
        "measures": facts.person.text("opt_outs") or NOT_STATED,
        "requests_for_removal": facts.person.removal or NOT_STATED,
    }


def _illegal(facts: Facts) -> dict[str, Any]:
    gates = [row for row in facts.manifest["funnel"] if row["stage"] == "url"]
    return {
        "pages_removed_by_address": {row["rule"]: row["pages"] for row in gates},
        "measures": facts.person.text("illegal_content") or NOT_STATED,
    }


def annex_page(data: Mapping[str, Any]) -> str:
    """Return the annex as a page of Markdown."""
    about = (
        "For providers of general-purpose AI models who train on this dataset: what the template "
        "of the European Commission asks about it (Article 53(1)(d) of Regulation (EU) 2024/1689; "
        "C(2025) 8311), with the template's numbers. Computed from the run; "
        f"“{NOT_MEASURED}” means what it says."
    )
    lines = ["# Annex for the public summary of training content", "", about]
    for heading, entries in data.items():
        lines += ["", f"## {heading[0].upper()}{heading[1:]}", "", *_lines(entries, 0)]
    return "\n".join([*lines, ""])


def _lines(entries: Mapping[str, Any], depth: int) -> list[str]:
    indent = "  " * depth
    lines: list[str] = []
    for name, value in entries.items():
        label = f"{indent}- {name.replace('_', ' ')}:"
        if name in _BY_NAME:  # of rules or languages, which are no words of ours
            counts = ", ".join(f"{code(each)} {count:,}" for each, count in value.items())
            lines.append(f"{label} {counts or 'none'}")
        elif isinstance(value, Mapping):
            lines += [label, *_lines(value, depth + 1)]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines.append(label)
            lines += [f"{indent}  {row['rank']:,}. {_row(row)}" for row in value]
        else:
            lines.append(f"{label} {code(value) if name in _AS_IS else _value(value)}")
    return lines


def _row(row: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{name} {row[name]:,}" for name in ("pages", "bytes", "tokens"))
    return f"{code(row['domain'])}: {counts}"


def _value(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(code(str(item)) for item in value) or "none"
    return " ".join(str(value).split())
