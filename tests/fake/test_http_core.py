"""The HTTP core of the fake server: bodies, routing, who is calling, faults, and answers that give nothing away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import fake_server
import spec
from fake_server.http import endpoint
from fake_server.http.app import encode, load_routes
from fake_server.http.router import Route, Router
from fake_server.revision import revision
from fake_server.rules.decode import UNSET, BadBody, Integer, ListOf, MapOf, Maybe, Raw, Struct, Text, Uuid, decode
from fake_server.rules.validate import BadNumber, BadUUID, parse_int, parse_uuid, quote
from tests.fake.served import Served, scene, temporary_fault

SHAPE = Struct(
    "Thing",
    {
        "name": Text(),
        "count": Integer(32),
        "id": Maybe(Uuid()),
        "tags": ListOf(Text()),
        "labels": MapOf(Text()),
        "output": Raw(),
        "parts": ListOf(Struct("Part", {"type": Text("codersdk.PartType")})),
    },
)
EMPTY = {"name": "", "count": 0, "id": None, "tags": None, "labels": None, "output": UNSET, "parts": None}


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b"null", {}),
        (b"{}", {}),
        (b'{"NAME":"a"}', {"name": "a"}),
        (b'{"name":"a","Name":"b"}', {"name": "b"}),
        (b'{"name":"a","Name":null}', {"name": "a"}),
        (b'{"tags":["x"],"TAGS":null}', {"tags": None}),
        (b'{"name":"a"} trailing', {"name": "a"}),
        (b' \n{"name":"a"}{"name":"b"}', {"name": "a"}),
        (b'{"unknown":[1,2,{}]}', {}),
        (b'{"output":null}', {"output": None}),
        (b'{"labels":{"a":null}}', {"labels": {"a": ""}}),
        (b'{"parts":[null]}', {"parts": [{"type": ""}]}),
        (b'{"name":"a\xff\xfeb"}', {"name": "a��b"}),
        (b'{"name":"\\ud800 \\ud83d\\ude00"}', {"name": "� \U0001f600"}),
        (b'{"name":"\\u0000"}', {"name": "\0"}),
        (b'{"id":"{11111111-2222-4333-8444-55555555555A}"}', {"id": "11111111-2222-4333-8444-55555555555a"}),
    ],
)
def test_body_is_read(body: bytes, changed: dict[str, object]) -> None:
    assert decode(body, SHAPE) == EMPTY | changed


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "EOF"),
        (b" \n", "EOF"),
        (b"{", "unexpected EOF"),
        (b'{"name":"a', "unexpected EOF"),
        (b"[]", "json: cannot unmarshal array into Go value of type codersdk.Thing"),
        (b'{"count":1.0}', "json: cannot unmarshal number 1.0 into Go struct field Thing.count of type int32"),
        (b'{"count":2147483648}', "json: cannot unmarshal number 2147483648 into Go struct field Thing.count of type int32"),
        (b'{"count":true}', "json: cannot unmarshal bool into Go struct field Thing.count of type int32"),
        (
            b'{"parts":[{"type":5}]}',
            "json: cannot unmarshal number into Go struct field Part.parts.type of type codersdk.PartType",
        ),
        (b'{"id":"abc"}', "invalid UUID length: 3"),
        (b'{"name":NaN}', "invalid character 'N' looking for beginning of value"),
        (b"{'name':1}", "invalid character '\\'' looking for beginning of object key string"),
        (b'{"count":021}', "invalid character '2' after object key:value pair"),
        (b'{"tags":["a" "b"]}', "invalid character '\"' after array element"),
        (b"\xef\xbb\xbf{}", "invalid character '\xef' looking for beginning of value"),
        (b'{"name":"a\nb"}', r"invalid character '\n' in string literal"),
        (b"[" * 100_000, "exceeded max depth"),
    ],
)
def test_body_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BadBody) as refused:
        decode(body, SHAPE)
    assert str(refused.value) == reason


def test_body_past_its_cap() -> None:
    assert decode(b'{"name":"a"}   ', SHAPE, truncated=True)["name"] == "a"
    with pytest.raises(BadBody, match="http: request body too large"):
        decode(b'{"name":"a', SHAPE, truncated=True)
    with pytest.raises(BadBody, match="looking for beginning of value"):
        decode(b"]", SHAPE, truncated=True)


def test_uuids_and_numbers() -> None:
    plain = "7370bbdd-cf1c-467a-becb-728832ca0207"
    for form in (plain, plain.upper(), plain.replace("-", ""), f"urn:uuid:{plain}", f"{{{plain}}}"):
        assert parse_uuid(form) == plain
    for bad in ("", "x", plain[:-1], plain + "0", "z" * 36, "z" * 32, f"xxx:uuid:{plain}"):
        with pytest.raises(BadUUID):
            parse_uuid(bad)
    assert parse_int("+5") == 5
    assert parse_int("-9223372036854775808") == -(2**63)
    for bad, words in (
        ("", "invalid syntax"),
        ("1_0", "invalid syntax"),
        (" 1", "invalid syntax"),
        ("2147483648", "out of range"),
    ):
        with pytest.raises(BadNumber, match=words):
            parse_int(bad, 32)
    assert quote('a"b\\\n\x00\u200b') == '"a\\"b\\\\\\n\\x00\\u200b"'


def test_answers_escape_markup() -> None:
    assert encode({"t": "<a>&\u2028\u2029é"}) == '{"t":"\\u003ca\\u003e\\u0026\\u2028\\u2029é"}\n'.encode()


def _route(method: str, path: str) -> Route:
    return Route(f"{method} {path}", method, path, handler=lambda call: None)


def test_router() -> None:
    entered: list[str] = []
    router = Router(
        [_route("GET", "/c"), _route("GET", "/c/models"), _route("GET", "/c/{chat}"), _route("POST", "/c/{chat}/messages")],
        {"/c": None, "/c/{chat}": lambda params: entered.append("chat")},
    )

    def find(method: str, path: str) -> str:
        params: dict[str, str] = {}
        entered.clear()
        route, allowed = router.find(path, method, params, None)
        return f"{route.operation if route else allowed} {params.get('chat', '')}{' entered' if entered else ''}"

    assert find("GET", "/c") == find("GET", "/c/") == find("GET", "//c") == "GET /c "
    assert find("GET", "/c/models").startswith("GET /c/models")
    assert find("POST", "/c/models") == "['GET'] models entered"
    assert find("GET", "/c/models/") == "GET /c/{chat} models entered"
    assert find("GET", "/c/x/") == "GET /c/{chat} x entered"
    assert find("POST", "/c//x//messages") == "POST /c/{chat}/messages x entered"
    assert find("POST", "/c/x/messages/") == "[] x entered"
    assert find("GET", "/c/x/messages") == "['POST'] x entered"
    assert find("GET", "/d") == "[] "


def test_every_operation_is_the_contract_s() -> None:
    """Handlers carry the operation ids of the document, and answer every operation that it has."""
    load_routes(revision(spec.DEFAULT))
    served = {(r.method.lower(), r.path): r.operation for r in endpoint.routes(revision(spec.DEFAULT))}
    documented = {
        (method, path): op["operationId"]
        for path, item in spec.load(spec.DEFAULT).openapi.get("paths", {}).items()
        for method, op in item.items()
        if isinstance(op, dict) and "operationId" in op
    }
    shared = {key: documented[key] for key in served if key in documented}
    assert shared, "no operation is documented"
    assert {key: served[key] for key in shared} == shared


def test_order_of_what_is_checked_first() -> None:
    async def play(s: Served) -> None:
        unknown = "/11111111-2222-4333-8444-555555555555"
        cookie = {"Cookie": f"coder_session_token={s.tokens['carol']}"}
        assert (await s.call(None, "PATCH", unknown, headers=cookie)).text.startswith("Something is wrong with your CSRF token.")
        assert (await s.call(None, "PATCH", "/nonsense", content=b"{")).status_code == 401
        assert (await s.call("alice", "PATCH", "/nonsense", content=b"{")).json()["message"] == 'Invalid UUID "nonsense".'
        assert (await s.call("alice", "DELETE", unknown)).status_code == 404
        chat = await s.create()
        refused = await s.call("alice", "DELETE", f"/{chat['id']}")
        assert (refused.status_code, refused.content) == (405, b"")
        assert sorted(refused.headers.get_list("allow")) == ["GET", "PATCH"]
        foreign = await s.call("bob", "POST", f"/{chat['id']}/no-such-thing", content=b"{")
        missing = await s.call("bob", "GET", unknown)
        assert foreign.content == missing.content
        assert foreign.status_code == 404

    scene(play)


def test_wrong_requests_give_nothing_away() -> None:
    """Every kind of broken request is answered as a client error without a trace of the inside, and the server lives on."""

    async def play(s: Served) -> None:
        chat = await s.create()
        bodies = [
            b"",
            b"\x00\xff",
            b"[" * 5000,
            b'{"content":' * 300,
            b"null",
            b'"x"',
            b"-",
            b'{"content":[{"type":"text","text":5}]}',
        ]
        for body in bodies:
            for method, path in (("POST", ""), ("POST", f"/{chat['id']}/messages"), ("PATCH", f"/{chat['id']}/acl")):
                answer = await s.call("alice", method, path, content=body, headers={"Content-Type": "application/xml"})
                assert answer.status_code in (204, 400), (body[:20], answer.text)
                assert "Traceback" not in answer.text
                assert ".py" not in answer.text
        too_big = await s.call(
            "alice",
            "POST",
            f"/files?organization={s.organization}",
            content=b"x" * 20_000_000,
            headers={"Content-Type": "text/plain", "Content-Disposition": 'attachment; filename="a.txt"'},
        )
        assert too_big.status_code == 413
        assert (await s.call("alice", "GET", f"/{chat['id']}")).json()["id"] == chat["id"]
        assert not s.backend.store.files

    scene(play)


def test_an_error_inside_is_a_500_without_a_trace() -> None:
    async def play(s: Served) -> None:
        chat = await s.create()
        await s.idle(chat["id"])
        s.backend.store.chats[chat["id"]].updated_at = "not a time"  # type: ignore[assignment]
        answer = await s.call("alice", "GET", f"/{chat['id']}")
        assert answer.status_code == 500
        assert set(answer.json()) == {"message", "detail"}
        assert "not a time" not in answer.text
        assert (await s.call("alice", "GET", "/by-workspace")).status_code == 200

    scene(play)


def test_faults_are_switched_at_run_time() -> None:
    async def play(s: Served) -> None:
        chat = await s.create()
        path = f"/{chat['id']}"

        async def rename() -> tuple[int, str]:
            answer = await s.call("alice", "PATCH", path, json={"pin_order": -1})
            return answer.status_code, answer.text

        right = await rename()
        assert right == (400, '{"message":"Pin order must be non-negative."}\n')
        with temporary_fault(off=frozenset({"patch.pin-negative"})) as name:
            s.server.set_faults([name])
            assert (await rename())[0] == 204
        with temporary_fault(reworded={"patch.pin-negative": "No."}) as name:
            s.server.set_faults([name])
            assert await rename() == (400, '{"message":"No."}\n')

        def damage(answer: object) -> None:
            answer.body["title"] = None  # type: ignore[attr-defined]
            answer.headers["X-Odd"] = "1"  # type: ignore[attr-defined]

        with temporary_fault(operations=frozenset({"getChat"}), answer=damage) as name:
            s.server.set_faults([name])
            wrong = await s.call("alice", "GET", path)
            assert wrong.json()["title"] is None
            assert wrong.headers["x-odd"] == "1"
            assert (await s.call("alice", "GET", "")).json()[0]["title"] is not None
        s.server.set_faults([])
        assert await rename() == right
        assert (await s.call("alice", "GET", path)).json()["title"] == s.backend.store.chats[chat["id"]].title
        with pytest.raises(KeyError):
            s.server.set_faults(["no-such-fault"])

    scene(play)


def test_refusals_come_from_the_table() -> None:
    """Every key that the HTTP layer names is a row of the refusal table."""
    named = re.compile(r'(?:refusal|guard|add)\(\s*"([a-z-]+\.[a-z0-9-]+)"')
    rows = {key for name in spec.profiles(unfinished=True) for key in spec.load(name).errors}
    seen = set()
    for file in Path(fake_server.__file__).parent.rglob("*.py"):
        seen |= set(named.findall(file.read_text(encoding="utf-8")))
    assert len(seen) > 100
    assert not seen - rows


def test_rate_limits_only_when_switched_on() -> None:
    async def many(s: Served) -> None:
        answers = [await s.call("alice", "GET", "/files/11111111-2222-4333-8444-555555555555") for _ in range(13)]
        statuses = [a.status_code for a in answers]
        if s.backend.options:
            assert statuses == [404] * 12 + [429]
            assert answers[12].headers["retry-after"] == "60"
            assert [a.headers["x-ratelimit-remaining"] for a in answers] == [str(n) for n in [*range(11, -1, -1), 0]]
        else:
            assert statuses == [404] * 13
            assert "x-ratelimit-limit" not in answers[0].headers

    scene(many)
    scene(many, options={"CODER_DANGEROUS_DISABLE_RATE_LIMITS": "false"})


def test_json_answers_end_in_a_newline_and_say_what_they_are() -> None:
    async def play(s: Served) -> None:
        answer = await s.call("carol", "GET", "")
        assert answer.content == b"[]\n"
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-coder-build-version"]
        signed_out = await s.call(None, "GET", "")
        assert json.loads(signed_out.content)["detail"].startswith("Cookie")
        assert 'error_description="The access token has expired"' in signed_out.headers["www-authenticate"]

    scene(play)
