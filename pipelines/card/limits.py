"""Known limits of a dataset, as far as its run can know them."""

from collections.abc import Iterator

from pipelines.card.count import LARGEST, LEAST_PAGES, LOW_SCORE, Counted
from pipelines.card.facts import Facts
from pipelines.card.markup import bullets, code, counted, share, table
from pipelines.card.reservations import examined
from pipelines.cascade import loss_in_words

_MOST_LANGUAGES = 30
_UNMEASURED = (
    "Not measured: toxicity, factual errors, {licences}, {benchmarks}, and whether their sites "
    "have opted out ({opt_outs})."
)


def limits(facts: Facts) -> str:
    """Return the section: what failed, what is doubtful, what nobody has measured."""
    parts = ["## Known limits"]
    lines = list(_lost(facts))
    if facts.counted is not None:
        lines += _doubtful(facts, facts.counted)
    lines += _short_items(facts)
    parts.append(bullets([*lines, _unmeasured(facts)]))
    if facts.manifest["failed_units"]:
        parts += ["Crawl files that could not be read:", bullets(_failed_files(facts))]
    if facts.counted is not None:
        parts += _about_languages(facts.counted)
        parts += _about_domains(facts.counted)
    said = facts.person.text("limitations")
    return "\n\n".join([*parts, *([said] if said else [])])


def _unmeasured(facts: Facts) -> str:
    """Return what nobody has measured, as far as the recipe has not asked for it."""
    manifest = facts.manifest
    elsewhere = "by `robots.txt` or `tdmrep.json`"
    named = ", ".join(map(code, manifest.get("benchmarks", ())))
    others = f"other benchmarks than {named}" if named else "benchmarks"
    return _UNMEASURED.format(
        licences="whether the licences that pages name are theirs to give"
        if "licences" in manifest
        else "the licences of the pages",
        benchmarks=f"whether texts of {others} are among them",
        opt_outs=elsewhere if examined(facts) else "robots.txt, TDM reservation, `noai`",
    )


def _short_items(facts: Facts) -> Iterator[str]:
    """Yield of which benchmarks items were too short to be found."""
    for name, found in facts.manifest.get("benchmarks", {}).items():
        for n, short in found["short_items"].items():
            if short:
                yield (
                    f"{code(name)}: {counted(short, 'item')} of {found['items']:,} have fewer than "
                    f"{n} words, so that {n}-grams cannot find them."
                )


def _failed_files(facts: Facts) -> Iterator[str]:
    return (f"{code(name)}: {code(why)}" for name, why in facts.manifest["failed_units"].items())


def _lost(facts: Facts) -> Iterator[str]:
    """Yield what the run could not do."""
    manifest = facts.manifest
    failed = [row for row in manifest["funnel"] if row["status"] == "failed" and row["pages"]]
    number = sum(row["pages"] for row in failed)
    why = "; ".join(f"{row['stage']} {code(row['rule'])} {row['pages']:,}" for row in failed)
    yield (
        f"{counted(number, 'page')} of {manifest['pages']:,} ({share(number, manifest['pages'])}) "
        f"could not be read, extracted or judged{': ' + why if why else ''}."
    )
    if "at_limits" in manifest:
        over, passed = (sum(manifest["at_limits"][n].values()) for n in ("failed", "passed_later"))
        both = share(over + passed, manifest["pages"])
        yield (
            f"{counted(over + passed, 'page')} ({both}) went over a limit of time or memory: "
            f"{over:,} failed, {passed:,} passed with double the limits. On another machine these "
            "may go otherwise."
        )
    if "cascade" in manifest:
        yield loss_in_words(manifest["cascade"])


def _doubtful(facts: Facts, found: Counted) -> Iterator[str]:
    cut = found.truncated
    if cut:
        named = ", ".join(f"{code(why)} {pages:,}" for why, pages in sorted(cut.items()))
        yield (
            f"{counted(cut.total(), 'document')} ({share(cut.total(), facts.amount.rows)}) "
            f"are of pages that the crawler had cut off: {named}."
        )
    domains = found.domains
    if domains.count:
        held = sum(row["bytes"] for row in domains.largest)
        yield (
            f"The text comes from {counted(domains.count, 'domain')}. The "
            f"{counted(len(domains.largest), 'largest', 'largest')} of them have "
            f"{share(held, domains.bytes)} of its bytes, the tenth with most text "
            f"({counted(domains.tenth, 'domain')}) {share(domains.tenth_bytes, domains.bytes)}."
        )
    for rule in found.one_domain:
        yield (
            f"{code(rule.rule)} ({rule.stage}): {rule.pages:,} of the {rule.of:,} pages that it "
            f"removed ({share(rule.pages, rule.of)}) are of one domain, {code(rule.domain)}."
        )
    if not found.one_domain:
        yield (
            f"No rule that removed at least {LEAST_PAGES} pages took more than half of them from "
            "one domain."
        )


def _about_languages(found: Counted) -> Iterator[str]:
    if not found.scores:
        return
    yield "How sure the language model was of the documents' languages:"
    order = sorted(found.scores, key=lambda label: (-found.scores[label].rows, label))
    head = ("language", "documents", "mean score", "lowest", f"below {LOW_SCORE}")
    rows = [
        (
            code(label),
            f"{scores.rows:,}",
            f"{scores.total / scores.rows:.3f}",
            f"{scores.lowest:.3f}",
            share(scores.low, scores.rows),
        )
        for label in order[:_MOST_LANGUAGES]
        for scores in [found.scores[label]]
    ]
    yield table(head, rows, head[1:])


def _about_domains(found: Counted) -> Iterator[str]:
    if not found.domains.largest:
        return
    yield f"The {LARGEST} domains with most text; all of them are in `domains.parquet`:"
    head = ("domain", "pages", "bytes of text", "tokens")
    rows = [
        (code(row["domain"]), *(f"{row[name]:,}" for name in ("pages", "bytes", "tokens")))
        for row in found.domains.largest
    ]
    yield table(head, rows, head[1:])
