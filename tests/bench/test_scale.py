"""The benchmark of deduplication: its signatures, and that all sides find the same clusters."""

import json

import numpy as np

from tests.bench.scale.__main__ import main
from tests.bench.scale.signatures import HASHER, signatures


def test_signatures_have_clusters_of_many_sizes_and_are_the_same_every_time():
    hashes = np.concatenate(list(signatures(12_000)))
    assert hashes.shape == (12_000, HASHER.bands * HASHER.rows)
    assert int(hashes.max()) < 2**61
    assert (hashes == np.concatenate(list(signatures(12_000)))).all()
    assert (hashes[:100] != np.concatenate(list(signatures(12_000, seed=2)))[:100]).any()
    keys = HASHER.band_keys(hashes)
    _, counts = np.unique(keys[:, 0], return_counts=True)
    assert 0.5 < (counts == 1).sum() / len(hashes) < 0.9
    assert counts.max() > 10


def test_both_sides_and_star_rounds_give_every_document_the_same_cluster(tmp_path, capsys):
    """`main` stops where they differ; two files of a run make it nearly real."""
    written = tmp_path / "measured.json"
    size = ["--millions", "0.012", "--compare", "0.012", "--rounds", "0.012", "--add"]
    few = ["--rounds-memory", "4", "--workers", "0", "--scratch", str(tmp_path)]
    main([*size, *few, "--json", str(written)])
    shown = capsys.readouterr().out
    assert "Same cluster for every document in 2 comparison(s)." in shown
    assert "one dump, 2e8" in shown
    found = json.loads(written.read_text())
    ours, theirs = (found[side]["12000"] for side in ("ours", "theirs"))
    assert found["keys"]["12000"] > 0
    assert ours["labels"] == theirs["labels"] == found["rounds"]["12000"]["labels"]
    assert ours["clusters"] == theirs["clusters"] > 500
    assert ours["members"] == theirs["members"]
    for measured in (ours, theirs):
        assert measured["cpu_seconds"] > 0
        assert measured["peak_bytes"] > 1 << 20
        assert measured["written_bytes"] > 0
