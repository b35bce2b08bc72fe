"""The servers of ``magical ui``: commands, environments and errors."""

import importlib.util
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from magical.errors import MagicalError, ProjectError, UsageError
from magical.project.servers import hosting, ui
from magical.project.servers.hosting import Server, find_free_port, find_port_user
from magical.project.servers.ui import UIServers
from magical.system.process_guard import GuardedProcess
from projects import NO_TRACKING, Small, is_well_worded, one

FLOW = """
@step
def first() -> int:
    return 1


@workflow
def flow() -> int:
    return first()
"""

TALKING = "import sys; print('one'); print('two'); print('three'); sys.exit(3)"


@pytest.fixture
def little(tmp_path: Path) -> Small:
    return one(tmp_path / "little", FLOW)


def answering(answers: dict[str, str]) -> HTTPServer:
    """A local server with some paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = answers.get(self.path)
            self.send_response(404 if text is None else 200)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return HTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture(
    params=[
        ("a Prefect server", {"/api/health": "true"}),
        ("an MLflow server", {"/health": "OK", "/version": "3.17.2"}),
        ("another program", {"/health": "OK"}),
    ],
    ids=["prefect", "mlflow", "other"],
)
def taken(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    who, answers = request.param
    with answering(answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, who
        server.shutdown()
        thread.join()


def test_a_port_that_is_taken_is_said_before_anything_starts(taken: tuple[int, str], little: Small) -> None:
    port, who = taken
    answer = little.command("ui", "--prefect-port", str(port), "--mlflow-port", "0")
    assert answer.code == 2
    assert answer.err.startswith(f"Port {port} is taken: {who} listens there, so Prefect cannot.\n")
    assert "--prefect-port" in answer.err
    assert is_well_worded(answer.err.strip())
    answer = little.command("ui", "--prefect-port", "0", "--mlflow-port", str(port))
    assert "so MLflow cannot" in answer.err
    assert not (little.root / ".magical" / "mlflow.db").exists()


@pytest.mark.slow
def test_a_port_that_is_taken_and_silent_is_taken() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert find_port_user(listener.getsockname()[1]) == "another program"
    assert find_port_user(find_free_port()) == ""


@pytest.mark.parametrize("words", [("--prefect-port", "65536"), ("--mlflow-port", "x")])
def test_what_is_no_port_is_refused(words: tuple[str, str], little: Small) -> None:
    answer = little.command("ui", *words)
    assert answer.code == 2
    assert is_well_worded(answer.err.strip())


def test_one_port_for_both_is_refused(little: Small) -> None:
    with pytest.raises(UsageError, match="cannot both have port 4321"):
        UIServers(little.load(), prefect_port=4321, mlflow_port=4321)


def test_servers_that_the_settings_name_are_shown_and_not_started(little: Small) -> None:
    text = (
        '[policy]\nserver = "http://me:tiger@10.0.0.5:4200/api"\n[tracking]\nuri = "https://mlflow.example"\n'
    )
    little.write("settings.toml", text)
    answer = little.command("ui")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "Prefect  http://me:***@10.0.0.5:4200",
        "MLflow   https://mlflow.example",
        "Nothing was started.",
    ]
    answer = little.command("ui", "--json")
    assert answer.json == {"prefect": "http://me:***@10.0.0.5:4200", "mlflow": "https://mlflow.example"}
    assert answer.out.count("\n") == 1


def test_a_server_that_the_settings_name_here_is_the_one_to_start(little: Small) -> None:
    text = '[policy]\nserver = "http://127.0.0.1:4321/api"\n[tracking]\nuri = "http://localhost:4322"\n'
    little.write("settings.toml", text)
    started = UIServers(little.load(), prefect_port=4321, mlflow_port=4322)
    assert str(started).endswith("Ctrl-C stops both.")
    assert started.addresses == {"prefect": "http://127.0.0.1:4321", "mlflow": "http://127.0.0.1:4322"}
    elsewhere = UIServers(little.load(), prefect_port=4323, mlflow_port=4324)
    assert elsewhere.addresses == {"prefect": "http://127.0.0.1:4321", "mlflow": "http://localhost:4322"}
    assert str(elsewhere).endswith("Nothing was started.")


def test_a_profile_says_where_the_servers_are(little: Small) -> None:
    little.write("profiles/team.toml", '[tracking]\nuri = "http://mlflow.example"\n')
    assert UIServers(little.load("team")).addresses["mlflow"] == "http://mlflow.example"
    assert UIServers(little.load(), mlflow_port=4321).addresses["mlflow"] == "http://127.0.0.1:4321"


def test_on_another_port_it_says_how_runs_find_it(little: Small) -> None:
    note = "Runs find it by policy.server=http://127.0.0.1:4323/api"
    assert note in str(UIServers(little.load(), prefect_port=4323)).splitlines()
    assert "policy.server" not in str(UIServers(little.load()))


def test_without_prefect_mlflow_starts_alone(little: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(ui, "find_spec", lambda name: None if name == "prefect" else real(name))
    started = UIServers(little.load(), mlflow_port=4321)
    assert str(started).splitlines() == [
        "MLflow   http://127.0.0.1:4321",
        "Prefect is not installed: pip install 'magical-thinking[prefect]'",
        "Ctrl-C stops it.",
    ]


def test_another_database_is_served_where_the_run_finds_it(
    little: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    little.write("settings.toml", '[tracking]\nuri = "sqlite:///other.db"\n')
    started = UIServers(little.load())
    assert started._servers[1].settings["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path / 'other.db'}"


def test_a_password_of_the_database_is_on_no_command_line(little: Small) -> None:
    little.write("settings.toml", '[tracking]\nuri = "postgresql://me:tiger@db/mlflow"\n')
    started = UIServers(little.load())
    assert not [word for word in started._servers[1].arguments if "tiger" in word]
    assert "tiger" not in str(started)


def test_what_the_shell_says_of_prefect_does_not_reach_its_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "MLFLOW_TRACKING_URI", "UVICORN_PORT"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("MINE", "stays")
    given: dict[str, Any] = {}

    def start(command: list[str], **told: Any) -> None:
        given.update(told["env"])

    monkeypatch.setattr(hosting, "GuardedProcess", start)
    hosting.describe_prefect_server(tmp_path, 4321).start()
    assert "elsewhere" not in given.values()
    assert given["MINE"] == "stays"
    assert given["PREFECT_HOME"] == str(tmp_path)


def test_a_server_that_ends_is_named_with_the_last_lines_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "talking.py").write_text(TALKING, encoding="utf-8")
    server = Server("Prefect", find_free_port(), ("-m", "talking"), {}, tmp_path, "/")
    with pytest.raises(ProjectError) as caught, server.start() as process:
        hosting.await_servers([(server, process)])
    assert str(caught.value).splitlines()[:-1] == ["Prefect ended with exit code 3.", "one", "two", "three"]
    assert str(server.log) in caught.value.hint


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "_START_TIMEOUT", 0.3)
    server = Server("MLflow", find_free_port(), ("-c", ""), {}, tmp_path, "/")
    sleeping = GuardedProcess([sys.executable, "-c", "import time; time.sleep(60)"])
    silent = pytest.raises(MagicalError, match=r"MLflow was started and did not answer within 0 s\.")
    with sleeping as process, silent:
        hosting.await_servers([(server, process)])


def test_a_folder_that_no_address_can_hold_is_said(tmp_path: Path) -> None:
    answer = one(tmp_path / "a#b", FLOW).command("ui")
    assert answer.code == 1
    assert "in its name" in answer.err


def test_tracking_that_is_off_leaves_the_models_to_look_at(little: Small) -> None:
    little.write("settings.toml", NO_TRACKING)
    assert UIServers(little.load(), mlflow_port=4321).addresses["mlflow"] == "http://127.0.0.1:4321"
