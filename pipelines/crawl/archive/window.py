"""The stretch of a crawl file that is being looked at."""

from collections import deque
from collections.abc import Callable, Iterator

from pipelines.crawl.archive.container import Gap, Piece


class Window:
    """The decompressed bytes from the current record on, up to the next gap."""

    def __init__(self, source: Iterator[Piece | Gap]) -> None:
        self._source = source
        self._marks: deque[tuple[int, Piece]] = deque()
        self._dropped = 0
        self.data = bytearray()
        self.ended = False
        self.gap: Gap | None = None

    def more(self) -> Piece | None:
        """Append the next piece and return it; None at a gap and at the end of the file."""
        if self.ended:
            return None
        item = next(self._source, None)
        if not isinstance(item, Piece):
            self.ended, self.gap = True, item
            return None
        self._marks.append((self._dropped + len(self.data), item))
        self.data += item.data
        return item

    def fill(self, size: int) -> bool:
        """Have at least `size` bytes at hand; False where the stretch ends before."""
        while len(self.data) < size and self.more() is not None:
            pass
        return len(self.data) >= size

    def copied(self, start: int, end: int) -> bytes:
        """Return a stretch of the bytes at hand, copied once: it may be most of the memory."""
        with memoryview(self.data) as view:
            return bytes(view[start:end])

    def drop(self, size: int) -> None:
        """Let go of the first `size` bytes."""
        del self.data[:size]
        self._dropped += size
        while len(self._marks) > 1 and self._marks[1][0] <= self._dropped:
            self._marks.popleft()

    def resume(self) -> None:
        """Go on behind the gap."""
        self.drop(len(self.data))
        self._marks.clear()
        self.ended, self.gap = False, None

    def offset(self) -> int:
        """Position in the file of the first byte at hand, as `Record.offset` has it."""
        if not self._marks:
            return 0
        start, piece = self._marks[0]
        return piece.offset if piece.packed else piece.offset + self._dropped - start

    @property
    def packed(self) -> bool:
        """Whether the first byte at hand was decompressed."""
        return bool(self._marks) and self._marks[0][1].packed

    def members(self, after: int, opens_record: Callable[[Piece], bool]) -> Iterator[int]:
        """Yield the indices, at `after` or later, of members that open a record."""
        for position, piece in self._marks:
            index = position - self._dropped
            if piece.begins and index >= after and opens_record(piece):
                yield index
