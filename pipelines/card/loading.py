"""Programs that load a published dataset, as its card shows them."""

from dataclasses import dataclass

from pipelines.card.facts import Facts, total
from pipelines.layout import all_tables


@dataclass(frozen=True, slots=True)
class Program:
    """A program in a language that Markdown can colour."""

    title: str
    language: str
    lines: str

    def markdown(self) -> str:
        """Return it with its title."""
        return f"{self.title}:\n\n```{self.language}\n{self.lines}\n```"


def programs(facts: Facts) -> list[Program]:
    """Return what loads this dataset, with every library that people use for it."""
    name, files = facts.repository, f"hf://datasets/{facts.repository}"
    first = str(facts.shards[0]["path"]).removeprefix("dataset/") if facts.shards else ""
    tables = all_tables("data", by_language=facts.by_language)
    every = f"{files}/{tables}"
    inner = tables.removeprefix("data/")
    return [
        Program(
            "`datasets`, downloaded or read as it goes",
            "python",
            "from datasets import load_dataset\n\n"
            f'dataset = load_dataset("{name}", split="train")\n'
            f'stream = load_dataset("{name}", split="train", streaming=True)\n'
            'print(dataset.num_rows, next(iter(stream))["url"])',
        ),
        *_one_language(facts),
        Program(
            "pandas, one shard",
            "python",
            f'import pandas\n\npages = pandas.read_parquet("{files}/{first}")\nprint(pages.head())',
        ),
        Program(
            "Polars, only the columns and rows that are asked for",
            "python",
            f'import polars\n\npages = polars.scan_parquet("{every}")\n'
            'print(pages.select("url", "token_count").head().collect())',
        ),
        Program(
            "DuckDB",
            "python",
            "import duckdb\n\n"
            "duckdb.sql(\n"
            '    "SELECT language, count(*) AS pages, sum(token_count) AS tokens "\n'
            f"    \"FROM '{every}' GROUP BY language\"\n"
            ").show()",
        ),
        Program(
            "datatrove",
            "python",
            "from datatrove.pipeline.readers import ParquetReader\n\n"
            f'reader = ParquetReader("{files}/data", glob_pattern="{inner}", limit=3)\n'
            'print([document.metadata["url"] for document in reader()])',
        ),
        Program(
            "Cuvée, as the input of another recipe",
            "sh",
            f"cuvee run fineweb --input {files} --output runs/again "
            "--set 'tokenizer={train: {vocab_size: 8192}}'",
        ),
    ]


def _one_language(facts: Facts) -> list[Program]:
    """Return what loads the language with most documents, where each has a config."""
    if not facts.by_language:
        return []
    config = max(facts.configs, key=lambda name: total(facts.configs[name], "rows"))
    lines = (
        "from datasets import load_dataset\n\n"
        f'stream = load_dataset("{facts.repository}", "{config}", split="train", streaming=True)\n'
        'print(next(iter(stream))["text"][:200])'
    )
    return [Program("`datasets`, one language", "python", lines)]


def loading(facts: Facts) -> str:
    """Return the section with all of them."""
    if not facts.shards:
        return "## Load it\n\nNo page was kept, so there is nothing to load."
    return "\n\n".join(["## Load it", *(program.markdown() for program in programs(facts))])
