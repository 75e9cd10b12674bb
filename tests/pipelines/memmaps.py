"""Readers of trainers' formats, written from what is documented of them and with nothing of ours.

Megatron: MMIDIDX, little-endian. datatrove: ids, ends, three lines.
"""

import struct
from pathlib import Path

import numpy as np

# Codes of types by who reads: megatron-core 0.16 (indexed_dataset.py, DType) and DeepSpeed
# 0.19 (runtime/data_pipeline/data_sampling/indexed_dataset.py, dtypes).
MEGATRON = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f8", 7: "<f4", 8: "<u2"}
DEEPSPEED = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<u2", 7: "<u4", 8: "<u8"}


def read_megatron(prefix: Path, codes: dict[int, str]) -> list[list[int]]:
    index = prefix.with_name(prefix.name + ".idx").read_bytes()
    data = prefix.with_name(prefix.name + ".bin").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, documents = struct.unpack_from("<QBQQ", index, 9)
    assert version == 1
    dtype = np.dtype(codes[code])
    at = 34
    lengths = np.frombuffer(index, "<i4", sequences, at)
    offsets = np.frombuffer(index, "<i8", sequences, at + 4 * sequences)
    ends = np.frombuffer(index, "<i8", documents, at + 12 * sequences)
    assert len(index) == at + 12 * sequences + 8 * documents
    assert ends[0] == 0
    assert ends[-1] == sequences
    assert int(lengths.sum()) * dtype.itemsize == len(data)
    rows = [
        np.frombuffer(data, dtype, length, offset).tolist()
        for length, offset in zip(lengths.tolist(), offsets.tolist(), strict=True)
    ]
    return [
        [token for row in rows[first:last] for token in row]
        for first, last in zip(ends.tolist(), ends.tolist()[1:], strict=False)
    ]


def read_ds(path: Path) -> tuple[list[list[int]], list[str]]:
    said = path.with_name(path.name + ".metadata").read_text().split("\n")
    dtype = {"2": "<u2", "4": "<u4"}[said[0].rpartition("|")[2]]
    ids = np.frombuffer(path.read_bytes(), dtype)
    ends = np.frombuffer(path.with_name(path.name + ".index").read_bytes(), "<u8")
    assert int(ends[-1]) == len(ids) == int(said[1])
    starts = np.concatenate([[0], ends[:-1]]).astype(int)
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return [ids[start:end].tolist() for start, end in pairs], said
