"""Parts of messages: what the model wrote, live and stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import new_model
from conformance.play.turns import Watched, held, rests, watched
from conformance.play.verdict import Unmet
from conformance.scenes.files import PNG
from conformance.scenes.lifecycle import compacting
from fixtures.scripts import reasoning, script, source, tool_call, turn, turns
from fixtures.scripts import text as says

DONE = turn(says("Done."))
COMMAND = "cd /tmp && git commit -m 'x y' | grep -v z; FOO=1 make all"


def kinds(parts: list[dict[str, Any]]) -> list[str]:
    return [p["type"] for p in parts]


def of(parts: list[dict[str, Any]], kind: str, **fields: Any) -> list[dict[str, Any]]:
    return [p for p in parts if p["type"] == kind and all(p.get(k) == v for k, v in fields.items())]


@case("PART-007", "PART-021", "PART-023", "MSG-005", "MSG-008", "MSG-013", needs=["llm-control"])
async def reasoning_and_text(t: Case) -> None:
    seen = await watched(t, reasoning("why "), reasoning("not"), says("text "), says("here"))
    stored = seen.content("assistant")
    with t.judging("PART-007"):
        (kept,) = of(stored, "reasoning")
        t.true(
            kept["text"] == "why not" and kept["created_at"] and kept["completed_at"],
            "stored reasoning has text and both times",
            kept,
        )
        live = of(seen.parts, "reasoning")
        t.true(live and not any("created_at" in p or "completed_at" in p for p in live), "live reasoning has no times", live)
    with t.judging("PART-021"):
        t.expect(kinds(stored), ["reasoning", "text"], "the stored parts")
    with t.judging("PART-023"):
        t.expect([p["text"] for p in of(stored, "text")], ["text here"], "the stored texts")
        t.expect("".join(p["text"] for p in of(seen.parts, "text")), "text here", "the live texts together")
    reply = seen.stored[-1]
    with t.judging("MSG-005"):
        t.expect(reply.get("model_config_id"), (await seen.chat.get()).response.body["last_model_config_id"], "the reply's model")
    with t.judging("MSG-008"):
        t.true(reply["usage"].get("context_limit", 0) > 0, "usage has the context limit", reply["usage"], "/usage/context_limit")
    with t.judging("MSG-013"):
        await same_everywhere(t, seen)


@case("PART-027", needs=["llm-control"])
async def times_of_reasoning(t: Case) -> None:
    seen = await held(t, reasoning("why "), after=(reasoning("not"), says("Done.")))
    await seen.open()
    await seen.chat.settled()
    (kept,) = of([p for m in await seen.chat.history() for p in m["content"]], "reasoning")
    t.expect(kept["text"], "why not", "the reasoning")
    begin, end = (datetime.fromisoformat(kept[key]) for key in ("created_at", "completed_at"))
    t.true(begin < end, "created_at is before completed_at", kept)


async def same_everywhere(t: Case, seen: Watched) -> None:
    """Each message is the same live, in the snapshot of a new connection, and in GET messages."""
    again = await seen.chat.stream()
    for message in seen.stored:
        shown = (await again.until({"type": "message", "message": {"id": message["id"]}}))["message"]
        t.expect(shown, message, "the message in the snapshot")
    for message in seen.messages:
        (stored,) = [m for m in seen.stored if m["id"] == message["id"]]
        t.expect(message, stored, "the live message")


@case("PART-008", "PART-009", "PART-010", "PART-011", "PART-013", "PART-015", "ROUND-011", needs=["llm-control"])
async def built_in_tools(t: Case) -> None:
    seen = await watched(
        t,
        tool_call("list_templates", {"query": "q", "b": {"z": 1, "a": [1]}}, id="o1", pieces=2),
        tool_call("execute", {"command": COMMAND, "timeout": "5s"}, id="o2"),
        then=(DONE,),
    )
    calls, results = of(seen.content("assistant"), "tool-call"), of(seen.content("tool"), "tool-result")
    with t.judging("PART-008"):
        for call in calls:
            t.true(call.get("tool_call_id") and call.get("tool_name"), "a stored call names itself and its tool", call)
        t.exactly(calls[0].get("args"), {"query": "q", "b": {"z": 1, "a": [1]}}, "the arguments", "/args")
    with t.judging("PART-010"):
        for result in results:
            named = result.get("tool_call_id") and result.get("tool_name")
            t.true(named and "result" in result, "a result names its call and tool", result)
        t.expect([r.get("is_error", False) for r in results], [False, True], "which results are errors")
    with t.judging("PART-009"):
        pieces = [p for p in of(seen.parts, "tool-call", tool_call_id="o1") if "args_delta" in p]
        t.true(pieces and all(p["tool_name"] == "list_templates" for p in pieces), "the call came in pieces", seen.parts)
        t.true(not any("args" in p or "created_at" in p for p in pieces), "a piece has neither args nor created_at", pieces)
    with t.judging("PART-011"):
        t.expect(len(calls + results), 4, "stored calls and results")
        for part in calls + results:
            t.true(part.get("created_at"), f"the {part['type']} of a built-in tool has created_at", part)
    with t.judging("PART-013"):
        (bad,) = of(results, "tool-result", tool_call_id="o2")
        t.true(isinstance(bad["result"].get("error"), str) and bad["is_error"] is True, "a failed tool's result has error", bad)
        (good,) = of(results, "tool-result", tool_call_id="o1")
        t.true("is_error" not in good, "the result of a tool that worked has no is_error", good)
    with t.judging("PART-015"):
        wanted = [["cd", "/tmp"], ["git", "commit"], ["grep", "z"], ["make", "all"]]
        (call,) = of(calls, "tool-call", tool_call_id="o2")
        t.expect(call.get("parsed_commands"), wanted, "parsed_commands", "/parsed_commands")
    with t.judging("ROUND-011"):
        (live,) = [p for p in of(seen.parts, "tool-call", tool_call_id="o1") if "args" in p]
        (call,) = of(calls, "tool-call", tool_call_id="o1")
        t.exactly(call["args"], live["args"], "the stored arguments")


async def made_up(t: Case, chat: Chat) -> None:
    """Interrupts the chat and judges the one result that the server makes up for its open call."""
    t.given(await chat.interrupt())
    _, _, told, *_ = await rests(chat, lambda found: len(found) > 2, "a message, a call and its result", "three messages")
    (result,) = told["content"]
    right = result.get("is_error") is True and "created_at" not in result
    t.true(right, "a made-up result has is_error and no created_at", result)


@case("PART-014", needs=["llm-control"])
async def call_that_was_not_run(t: Case) -> None:
    if t.knows("CreateChatRequest", "unsafe_dynamic_tools"):
        raise Unmet("this revision gives such results a time, but for those of clients' tools")
    await made_up(t, (await held(t, says("calling"), tool_call("list_templates", {"query": "x"}, id="open"))).chat)


@case("PART-012", "PART-014", needs=["llm-control"])
async def client_tools(t: Case) -> None:
    if not t.knows("CreateChatRequest", "unsafe_dynamic_tools"):
        raise Unmet("this revision has no tools of clients")
    tool = {"name": "lookup", "description": "d", "input_schema": {"type": "object", "properties": {}}}
    seen = await watched(t, tool_call("lookup", {"a": 1}, id="k1"), unsafe_dynamic_tools=[tool])
    with t.judging("PART-012"):
        (call,) = of(seen.content("assistant"), "tool-call")
        t.true("created_at" not in call, "a call stored in requires_action has no created_at", call)
    with t.judging("PART-014"):
        await made_up(t, seen.chat)


@case("PART-016", "PART-022", "PART-153", needs=["llm-control"])
async def sources_and_order(t: Case) -> None:
    seen = await watched(
        t,
        says("T1 "),
        tool_call("list_templates", {}, id="p1"),
        reasoning("R1 "),
        says("T2 "),
        source("https://e.org", "E"),
        tool_call("list_templates", {}, id="p2"),
        reasoning("R2"),
        says("T3"),
        then=(DONE,),
    )
    first = next(m for m in seen.stored if m["role"] == "assistant")
    with t.judging("PART-016"):
        (found,) = of(first["content"], "source")
        t.true(
            found["url"] == "https://e.org" and found.get("title") == "E" and found.get("source_id"), "the source is whole", found
        )
    with t.judging("PART-153"):
        wanted = ["text", "reasoning", "source", "text", "reasoning", "text", "tool-call", "tool-call"]
        t.expect(kinds(first["content"]), wanted, "the order of the stored parts", "/content")
    with t.judging("PART-022"):
        wanted = ["text", "tool-call", "reasoning", "source", "text", "tool-call", "reasoning", "text"]
        t.expect(kinds(first["content"]), wanted, "the order of the stored parts", "/content")


@case("MSG-007")
async def tokens_of_a_turn(t: Case) -> None:
    usage = {"input_tokens": 100, "output_tokens": 7, "reasoning_tokens": 3, "cache_read_tokens": 40}
    chat = await t.chat(script(says("x"), usage=usage))
    shown = (await chat.history())[-1]["usage"]
    wanted = {"input_tokens": 60, "output_tokens": 7, "reasoning_tokens": 3, "cache_read_tokens": 40}
    t.expect({k: shown.get(k) for k in wanted}, wanted, "the tokens", "/usage")
    t.true(shown.get("total_tokens"), "total_tokens is there", shown, "/usage/total_tokens")
    plain = await t.chat(script(says("x"), usage={"input_tokens": 11, "output_tokens": 5}))
    shown = (await plain.history())[-1]["usage"]
    t.expect(
        shown | {"context_limit": 0}, {"input_tokens": 11, "output_tokens": 5, "total_tokens": 16, "context_limit": 0}, "plain"
    )


@case("PART-005", "PART-019", "PART-020", "PART-025", "MSG-001", "MSG-014")
async def parts_that_users_send(t: Case) -> None:
    reference = {"type": "file-reference", "file_name": "a/b.go", "start_line": 3, "end_line": 9, "content": " x\n\ty "}
    extra = {"type": "text", "text": "last", "tool_name": "t", "result": {"a": 1}, "file_name": "n", "url": "http://x"}
    chat = await t.chat(script(says("first")))
    sent = t.given(await chat.send([text("  a b \n"), reference, extra]))
    await chat.settled()
    stored = next(m for m in await chat.history() if m["id"] == sent["message"]["id"])
    content = stored["content"]
    blank: dict[str, Any] = {k: v for k, v in t.known(content[0]).items() if k not in ("type", "text")}
    with t.judging("PART-005"):
        t.expect(content[0]["text"], "a b", "the stored text", "/content/0/text")
        t.true(not any(blank.values()), "a text part has nothing else", content[0])
    with t.judging("PART-019"):
        t.expect({k: content[1][k] for k in reference}, reference, "the file reference", "/content/1")
    with t.judging("PART-020"):
        t.expect(kinds(content), ["text", "file-reference", "text"], "the stored parts", "/content")
    with t.judging("PART-025"):
        t.expect({k: v for k, v in content[2].items() if v}, {"type": "text", "text": "last"}, "the third part", "/content/2")
    with t.judging("MSG-001"):
        for message in await chat.history():
            t.expect(message.get("chat_id"), chat.id, "the chat of a message", "/chat_id")
    with t.judging("MSG-014"):
        t.expect(sent["message"], stored, "the message in the answer to the send")
        edited = t.message(t.given(await chat.edit(stored["id"], "other")))
        await chat.settled()
        t.expect(
            edited, next(m for m in await chat.history() if m["id"] == edited["id"]), "the message in the answer to the edit"
        )


@case("PART-017", "PART-018", "PART-051", "CHATOBJ-012", needs=["files"])
async def file_parts(t: Case) -> None:
    file_id = t.given(await t.alice.upload(PNG, "image/png", name="dot.png"))["id"]
    claimed = {"type": "file", "file_id": file_id, "name": "other.txt", "media_type": "text/plain", "data": "aGVsbG8="}
    chat = await t.chat([{"type": "file", "file_id": file_id}, claimed])
    plain, odd = (await chat.history())[0]["content"]
    with t.judging("PART-017"):
        wanted = {"file_id": file_id, "media_type": "image/png", "name": "dot.png"}
        t.expect({k: plain.get(k) for k in wanted}, wanted, "the file part", "/content/0")
        t.true("data" not in plain, "a file part has no data", plain)
    with t.judging("CHATOBJ-012"):
        (shown,) = t.given(await chat.get())["files"]
        about = {"id": file_id, "name": "dot.png", "mime_type": "image/png", "owner_id": t.alice.id}
        t.expect({k: shown.get(k) for k in about}, about, "the linked file", "/files/0")
    with t.judging("PART-018"):
        t.expect(odd, plain, "the part with a name, type and data of its own", "/content/1")
    with t.judging("PART-051"):
        t.expect((plain.get("file_id"), plain.get("media_type")), (file_id, "image/png"), "file and media type", "/content/0")
        t.true(not any(plain.get(key) for key in ("name", "file_name", "data")), "neither name nor data are there", plain)


@case("PART-024", needs=["model-admin"])
async def compaction(t: Case) -> None:
    config = await new_model(t, compression_threshold=50)
    full = turn(says("long"), usage={"input_tokens": 900, "output_tokens": 5})
    chat = await t.chat(script(turns(full, turn(says("after")))), model_config_id=config["id"])
    await compacting(t, chat)
    messages = await chat.history()
    calls = [(m, p) for m in messages for p in m["content"] if p.get("tool_name") == "chat_summarized"]
    t.expect([p["type"] for _, p in calls], ["tool-call", "tool-result"], "the parts of the compaction")
    t.expect(calls[0][1]["tool_call_id"], calls[1][1]["tool_call_id"], "the result's call")
    t.true(not any("usage" in m for m, _ in calls), "messages of a compaction have no usage", calls)
