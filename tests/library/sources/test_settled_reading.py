"""What an author could say of a source so that no remark is left."""

from pathlib import Path

import pytest

from magical.library.sources.reader import read_source
from magical.library.sources.settled_reading import settle_reading

ROWS = "".join(f"A{i},{i}.5\n" for i in range(1, 12))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"Stock,\narticle,weight\n{ROWS}".encode(), {"header": 2}),
        (f"article,weight\n,kg\n{ROWS}".encode(), {"skip_after_header": 1}),
        (f"article,weight\n{ROWS}Total,71.5\n".encode(), {"skip_footer": 1}),
        (f"# of May\narticle,weight\n{ROWS}".encode(), {"comment": "#"}),
        ("article,größe\n".encode("cp1252") + ROWS.encode(), {"encoding": "cp1252"}),
    ],
)
def test_what_settles_a_remark_reads_the_same_rows(
    tmp_path: Path, content: bytes, said: dict[str, object]
) -> None:
    path = tmp_path / "stock.csv"
    path.write_bytes(content)
    raw = read_source(path)
    assert raw.remarks
    settled = settle_reading(path, raw)
    assert settled is not None
    assert settled.model_dump(exclude_defaults=True) == said
    again = read_source(path, settled)
    assert again.table.equals(raw.table)
    assert again.remarks == ()


def test_what_nothing_settles_is_not_settled(tmp_path: Path) -> None:
    path = tmp_path / "stock.csv"
    path.write_text(f"article,weight\n{ROWS}".replace("A3,3.5\n", "A3,3.5\n,\n"))
    raw = read_source(path)
    assert "rows without any value" in raw.remarks[0]
    assert settle_reading(path, raw) is None
    path.write_text(f"article,weight\n{ROWS}")
    assert settle_reading(path, read_source(path)) is None
