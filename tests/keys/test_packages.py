"""Which lock files a project has."""

from pathlib import Path

from magical.keys.packages import digest_lock_files


def test_those_in_the_projects_folder_by_content(tmp_path: Path) -> None:
    assert digest_lock_files(tmp_path) == {}
    (tmp_path / "uv.lock").write_text("1")
    (tmp_path / "poetry.lock").write_text("1")
    (tmp_path / "other.lock").write_text("1")
    found = digest_lock_files(tmp_path)
    assert list(found) == ["uv.lock", "poetry.lock"]
    (tmp_path / "uv.lock").write_text("2")
    again = digest_lock_files(tmp_path)
    assert (again["uv.lock"] != found["uv.lock"], again["poetry.lock"] == found["poetry.lock"]) == (
        True,
        True,
    )
