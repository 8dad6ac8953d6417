"""The fixture for people who test clients, tried in a pytest run of its own, as they would."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "testing-a-client.md"

MORE = """
import asyncio, json, urllib.error, urllib.request
import pytest
from fixtures.scripts import text

def ask(server, user, method, path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(server.base_url + path, data, server.users[user].headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())

def body(server, prompt):
    return {"organization_id": server.organization_id, "content": [{"type": "text", "text": prompt}]}

def test_a_turn_is_in_the_journal(chat_server):
    prompt = chat_server.script(text("scripted"))
    status, chat = ask(chat_server, "alice", "POST", "/api/experimental/chats", body(chat_server, prompt))
    assert status == 201
    [turn] = chat_server.wait_for_llm(chat["id"])
    assert turn.stream and turn.model == "fake-model"
    assert turn in chat_server.llm_requests

def test_each_test_has_a_server_of_its_own(chat_server):
    assert ask(chat_server, "alice", "GET", "/api/experimental/chats") == (200, [])
    assert chat_server.llm_requests == []

@pytest.mark.chat_server(options={"CODER_DISABLE_CHAT_SHARING": "true"})
def test_start_options(chat_server):
    _, chat = ask(chat_server, "alice", "POST", "/api/experimental/chats", body(chat_server, "hi"))
    status, answer = ask(chat_server, "alice", "GET", f"/api/experimental/chats/{chat['id']}/acl")
    assert (status, answer["message"]) == (403, "Chat sharing is disabled for this deployment.")

def test_an_unknown_fault_is_an_error(chat_server):
    with pytest.raises(KeyError):
        chat_server.set_faults("no-such-fault")
    assert chat_server.faults == []

def test_asynchronous_tests_too(chat_server):
    async def play():
        reader, writer = await asyncio.open_connection("127.0.0.1", int(chat_server.base_url.rsplit(":", 1)[1]))
        writer.write(b"GET /api/experimental/chats HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
        head = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return head
    assert asyncio.run(play()).startswith(b"HTTP/1.1 401")
"""


def _run(folder: Path, code: str) -> str:
    (folder / "conftest.py").write_text('pytest_plugins = ["fake_server.pytest"]\n')
    (folder / "test_client.py").write_text(code)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_documented_example_runs(tmp_path: Path) -> None:
    example = DOCS.read_text(encoding="utf-8").split("```python\n", 1)[1].split("```", 1)[0]
    assert example.count("\n") <= 15
    assert "1 passed" in _run(tmp_path, textwrap.dedent(example))


def test_the_fixture(tmp_path: Path) -> None:
    assert "5 passed" in _run(tmp_path, MORE)
