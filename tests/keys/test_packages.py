"""Which lock files a project has."""

from pathlib import Path

from magical.keys.packages import lock_digests


def test_those_in_the_projects_folder_by_content(tmp_path: Path) -> None:
    assert lock_digests(tmp_path) == {}
    (tmp_path / "uv.lock").write_text("1")
    (tmp_path / "poetry.lock").write_text("1")
    (tmp_path / "other.lock").write_text("1")
    found = lock_digests(tmp_path)
    assert list(found) == ["uv.lock", "poetry.lock"]
    (tmp_path / "uv.lock").write_text("2")
    again = lock_digests(tmp_path)
    assert (again["uv.lock"] != found["uv.lock"], again["poetry.lock"] == found["poetry.lock"]) == (
        True,
        True,
    )
