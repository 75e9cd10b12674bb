"""`croissant.json`: the dataset in Croissant 1.1 (MLCommons, 2026-01-29), with provenance.

Where a dataset comes from is said in W3C's PROV-O, as the section on provenance of the
specification recommends; what a person has said of it, in the RAI extension.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from pipelines.card.facts import Facts, tables_of, total
from pipelines.card.head import DEFAULT, language_codes, sample_config
from pipelines.card.parts import citation
from pipelines.card.sections import FIELD_MEANINGS
from pipelines.layout import all_tables

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The specification's own (appendix 1), and PROV-O."""

_VERSION = "http://mlcommons.org/croissant/1.1"
_PARQUET = "application/x-parquet"
_REPOSITORY = "repo"
_TYPES = {pa.string(): "sc:Text", pa.int64(): "cr:Int64", pa.float64(): "cr:Float64"}
_SPDX = {
    "odc-by": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "pddl": "PDDL-1.0",
    "cc0-1.0": "CC0-1.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
}
_SAID = {
    "rai:dataBiases": "biases",
    "rai:dataUseCases": "intended_uses",
    "rai:dataLimitations": "out_of_scope_uses",
    "rai:dataReleaseMaintenancePlan": "maintenance",
}


def croissant(facts: Facts) -> str:
    """Return `croissant.json`."""
    configs = dict(_configs(facts))
    data: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _VERSION,
        "name": facts.name,
        "description": _description(facts),
        "inLanguage": language_codes(facts.languages),
        "keywords": ["pretraining", "web", "text"],
        "citeAs": citation(facts),
        **_about(facts),
        **_said(facts),
        **_provenance(facts),
        "distribution": [*_repository(facts), *_file_sets(facts, configs)],
        "recordSet": [_record_set(name, facts.columns) for name in configs],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _description(facts: Facts) -> str:
    amount = facts.amount
    what = (
        f"Web pages curated with the recipe {facts.recipe['recipe']} by Cuvée: "
        f"{amount.rows:,} documents, {amount.tokens:,} tokens, kept from "
        f"{facts.manifest['pages']:,} crawled pages."
    )
    return "\n\n".join(text for text in (what, facts.person.text("purpose")) if text)


def _about(facts: Facts) -> dict[str, Any]:
    person = facts.person
    given = {
        "license": license_address(facts),
        "url": facts.address if facts.repo else "",
        "version": person.text("version"),
        "datePublished": person.text("released"),
        "creator": [{"@type": "sc:Person", "name": name} for name in person.authors],
    }
    return {key: value for key, value in given.items() if value}


def license_address(facts: Facts) -> str:
    """Return where the licence's text is, or its name where nobody has said."""
    name = facts.person.text("license")
    if facts.person.text("license_link"):
        return facts.person.text("license_link")
    return f"https://spdx.org/licenses/{_SPDX[name]}.html" if name in _SPDX else name


def _said(facts: Facts) -> dict[str, Any]:
    said: dict[str, Any] = {key: facts.person.text(name) for key, name in _SAID.items()}
    edits = facts.manifest["edits"]
    if edits:
        replaced = ", ".join(f"{name} {count:,}" for name, count in edits.items())
        said["rai:personalSensitiveInformation"] = f"Replaced with stand-ins: {replaced}."
    said["rai:dataCollection"] = "Pages of web crawls, fetched by their crawlers; see provenance."
    if facts.manifest["dates"]:
        said["rai:dataCollectionTimeframe"] = list(facts.manifest["dates"])
    return {key: value for key, value in said.items() if value}


def _provenance(facts: Facts) -> dict[str, Any]:
    """Return where the dataset comes from, what made it, and who answers for it."""
    manifest = facts.manifest
    period = " to ".join(manifest["dates"])
    code = manifest["code"]
    derived = [
        {
            "@type": "prov:Entity",
            "@id": f"urn:cuvee:crawl:{dump}",
            "prov:label": f"Crawl {dump}{', pages of ' + period if period else ''}",
        }
        for dump in facts.dumps
    ]
    listed = {
        "@type": "prov:Entity",
        "@id": f"urn:cuvee:inputs:{manifest['inputs']['digest']}",
        "prov:label": f"{manifest['inputs']['files']:,} crawl files; sha256 of the list of their "
        f"paths: {manifest['inputs'].get('list_sha256', 'not recorded')}",
    }
    made = {
        "@type": "prov:Activity",
        "@id": f"urn:cuvee:run:{manifest['recipe']['digest']}",
        "prov:label": f"Curation with the recipe {facts.recipe['recipe']}, digest "
        f"{manifest['recipe']['digest']}",
        "prov:wasAssociatedWith": {
            "@type": "prov:SoftwareAgent",
            "@id": f"urn:cuvee:code:{code['sources_sha256']}",
            "prov:label": f"cuvee {code['version']}",
        },
    }
    found: dict[str, Any] = {
        "prov:wasDerivedFrom": [*derived, listed],
        "prov:wasGeneratedBy": made,
    }
    if facts.person.authors:
        found["prov:wasAttributedTo"] = [
            {"@type": "prov:Agent", "prov:label": name} for name in facts.person.authors
        ]
    return found


def _configs(facts: Facts) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the name of each config, with its files and what they are."""
    rows = total(facts.shards, "rows")
    every = all_tables("data", by_language=facts.by_language)
    yield DEFAULT, (every, f"All {rows:,} documents.")
    for name, files in facts.configs.items():
        if name != DEFAULT:
            said = f"The {total(files, 'rows'):,} documents of {name}."
            yield name, (tables_of(files), said)
    for name, sampled in facts.samples.items():
        said = f"A sample of {total(sampled, 'rows'):,} documents."
        yield sample_config(name), (f"sample/{name}/*.parquet", said)


def _repository(facts: Facts) -> list[dict[str, Any]]:
    """Return the repository as a file object; none for a dataset that lies in a folder."""
    if facts.repo is None:
        return []
    return [
        {
            "@type": "cr:FileObject",
            "@id": _REPOSITORY,
            "name": _REPOSITORY,
            "description": "The repository on the Hub.",
            "contentUrl": facts.address,
            "encodingFormat": "git+https",
            # A repository has no digest; those of its files are in SHA256SUMS.
            "sha256": "https://github.com/mlcommons/croissant/issues/80",
        }
    ]


def _file_sets(facts: Facts, configs: Mapping[str, tuple[str, str]]) -> Iterator[dict[str, Any]]:
    inside = {"containedIn": {"@id": _REPOSITORY}} if facts.repo else {}
    for name, (pattern, said) in configs.items():
        yield {
            "@type": "cr:FileSet",
            "@id": f"files-of-{name}",
            "name": f"files-of-{name}",
            "description": said,
            **inside,
            "encodingFormat": _PARQUET,
            "includes": pattern,
        }


def _record_set(config: str, columns: pa.Schema) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "key": {"@id": f"{config}/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{config}/{column.name}",
                "name": column.name,
                "description": FIELD_MEANINGS[column.name],
                "dataType": "sc:URL" if column.name == "url" else _TYPES[column.type],
                "source": {
                    "fileSet": {"@id": f"files-of-{config}"},
                    "extract": {"column": column.name},
                },
            }
            for column in columns
        ],
    }
