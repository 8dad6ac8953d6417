"""What else somebody may do in a walk: changes of chats, and what stands beside them."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from conformance.walks.drawing import LABELS, Arguments, Draw, anything, verb
from conformance.walks.sides import Side
from conformance.walks.steps import Step
from conformance.wire.exchange import Exchange

_PICTURE = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
FILES: dict[str, tuple[bytes, str, str]] = {
    "text": (b"plain words\n", "text/plain", "notes.txt"),
    "picture": (_PICTURE, "image/png", "dot.png"),
    "json": (b'{"a": 1}', "application/json", "data.json"),
    "markdown": ("# Gr\u00fc\u00dfe\n".encode(), "text/markdown", "\u65e5\u672c.md"),
    "wrong": (b'{"a": 1}', "image/png", "data.png"),
}


# -- what is changed of a chat


async def _patched(side: Side, step: Step, **fields: Any) -> Exchange:
    return await side.chat(step.chat, step.actor).patch(**fields)


@verb(
    "rename",
    "patchChat",
    lambda d, chat: {"title": d.one((f"Name {d.number}", "\u984c\u540d \u65b0", " ", "x" * 200))},
    when=anything,
    weight=4,
)
async def _rename(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, title=step.args["title"])


@verb("label", "patchChat", lambda d, chat: {"labels": d.one(LABELS)}, when=anything, weight=3)
async def _label(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, labels=step.args["labels"])


@verb("plan", "patchChat", lambda d, chat: {"plan_mode": d.one(("plan", "", "plan", "x"))}, when=anything)
async def _plan(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, plan_mode=step.args["plan_mode"])


@verb("pin", "patchChat", lambda d, chat: {"pin_order": d.one((1, 1, 2, 3, 0, 99))}, when=anything, weight=3)
async def _pin(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, pin_order=step.args["pin_order"])


@verb("archive", "patchChat", stirs=True, when=lambda c: not c.archived, weight=2.5)
async def _archive(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, archived=True)


@verb("unarchive", "patchChat", stirs=True, when=lambda c: c.archived, weight=6)
async def _unarchive(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, archived=False)


@verb("unarchive-active", "patchChat", when=lambda c: not c.archived, weight=0.5)
async def _unarchive_active(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, archived=False)


@verb("archive-again", "patchChat", when=lambda c: c.archived, weight=0.5)
async def _archive_again(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, archived=True)


@verb("several", "patchChat", lambda d, chat: {"title": f"Both {d.number}", "labels": d.one(LABELS)}, when=anything, weight=1)
async def _several(side: Side, step: Step) -> Exchange:
    return await _patched(side, step, title=step.args["title"], labels=step.args["labels"])


@verb("share", "patchChatACL", lambda d, chat: {"role": "" if chat.shared and d.chance(0.6) else "read"}, when=anything, weight=3)
async def _share(side: Side, step: Step) -> Exchange:
    reader = side.people["bob" if side.owners[step.chat] == "alice" else "alice"]
    return await side.chat(step.chat, step.actor).set_acl(users={reader.id: step.args["role"]})


@verb("regenerate", "regenerateTitle", stirs=True, when=anything, weight=1)
async def _regenerate(side: Side, step: Step) -> Exchange:
    return await side.chat(step.chat, step.actor).regenerate()


@verb("propose", "proposeTitle", when=anything, weight=0.7)
async def _propose(side: Side, step: Step) -> Exchange:
    return await side.chat(step.chat, step.actor).propose()


# -- what stands beside chats


@verb("upload", "uploadFile", lambda d, chat: {"file": d.one(FILES)}, weight=1.5)
async def _upload(side: Side, step: Step) -> Exchange:
    data, media_type, name = FILES[step.args["file"]]
    header = f"attachment; filename*=UTF-8''{_quoted(name)}"
    return await side.people[step.actor].upload(data, media_type, "x", headers={"content-disposition": header})


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


@verb("download", "downloadFile", lambda d, chat: {"file": d.one(d.state.files)} if d.state.files else None, weight=1.5)
async def _download(side: Side, step: Step) -> Exchange:
    path = side.t.url("downloadFile", file=side.ids[step.args["file"]])
    return await side.people[step.actor].get(path)


@verb("add-model", "createModelConfig", lambda d, chat: {} if len(d.state.models) < 2 else None, weight=0.7, foreign=1)
async def _add_model(side: Side, step: Step) -> Exchange:
    from conformance.play.provisioning import base_model, behind, models_path

    t = side.t
    body = behind(t, await base_model(t)) | {"model": f"further-{side.tag}-{step.number}", "context_limit": 50_000}
    answer = await side.people[step.actor].post(models_path(t), body)
    made = answer.response.body
    if t.succeeded(answer) and isinstance(made, dict):
        t.cleanup(lambda: t.root.delete(models_path(t, made["id"])))
    return answer


def _one_model(d: Draw, chat: None) -> Arguments | None:
    there = [name for name, alive in d.state.models.items() if alive]
    return {"model": d.one(there)} if there else None


@verb("drop-model", "deleteModelConfig", _one_model, weight=1.5, foreign=1)
async def _drop_model(side: Side, step: Step) -> Exchange:
    from conformance.play.provisioning import models_path

    return await side.people[step.actor].delete(models_path(side.t, side.ids[step.args["model"]]))


@verb("own-prompt", "putConfigUserPrompt", lambda d, chat: {"text": d.one(("", f"Be {d.number}"))}, weight=0.7)
async def _own_prompt(side: Side, step: Step) -> Exchange:
    return await side.people[step.actor].put(side.t.url("putConfigUserPrompt"), {"custom_prompt": step.args["text"]})


@verb("reconnect", "streamChat", when=lambda c: not c.child, weight=1.5)
async def _reconnect(side: Side, step: Step) -> Exchange | None:
    await side.open_stream(step.chat, step.actor)
    return None
