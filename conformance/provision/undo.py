"""Taking back what was made: by the manifest, and by the prefix of all names where a manifest was lost."""

from __future__ import annotations

from typing import Any

from conformance.provision import settings
from conformance.provision.admin import Admin, ProvisionFailed
from conformance.provision.make import DEFAULT_MODEL, SETTINGS, USER
from conformance.provision.manifest import Entry, Manifest

_KEPT = "the chats of users that were deleted stay in the server's database: the API deletes no chat"


async def take_back(admin: Admin, manifest: Manifest) -> list[str]:
    """Take back all that a manifest lists, last made first, and what cases made under its prefix; gives what is to be told of it.

    The manifest is removed if nothing is left that another try could take back.
    """
    lines: list[str] = []
    for entry in reversed(manifest.entries):
        if entry.gone:
            continue
        try:
            lines += await _entry(admin, manifest, entry)
        except ProvisionFailed as error:
            lines.append(f"{entry.what} {entry.name or entry.id}: {error}")
    lines += await by_prefix(admin, f"{manifest.head.prefix}-")
    if any(entry.what == USER and entry.id for entry in manifest.entries):
        lines.append(_KEPT)
    manifest.close(remove=all(entry.gone for entry in manifest.entries))
    return lines


async def _entry(admin: Admin, manifest: Manifest, entry: Entry) -> list[str]:
    lines: list[str] = []
    if entry.what == SETTINGS:
        lines = await settings.put_back(admin, entry.before)
    elif entry.what == DEFAULT_MODEL:
        await _default_again(admin, str(entry.before))
    elif entry.what == USER:
        found = entry.id or next((str(u["id"]) for u in await admin.users(entry.name) if u["username"] == entry.name), "")
        if found and (why := await _delete(admin, "deleteUser", user=found)):
            return [f"user {entry.name}: {why}"]
    else:
        named = admin.things[entry.what].named
        found = entry.id or next((str(t["id"]) for t in await admin.listed(entry.what) if t.get(named) == entry.name), "")
        if found and (why := await delete_thing(admin, entry.what, found)):
            lines = [f"{entry.what} {entry.name}: {why}"]
    manifest.gone(entry)
    return lines


async def _default_again(admin: Admin, model: str) -> None:
    """Make that model the default one again, if it is not."""
    if any(str(m["id"]) == model and not m.get("is_default") for m in await admin.listed("model")):
        await admin.call("updateModelConfig", {"is_default": True}, model_config=model)


async def _delete(admin: Admin, operation: str, **places: str) -> str:
    """Why it could not be deleted; nothing when it is not there any more."""
    answer = await admin.ask(operation, **places)
    return "" if answer.ok or answer.status == 404 else admin.refused(operation, answer)


async def delete_thing(admin: Admin, kind: str, id: str) -> str:
    """Delete it, or put it out of use where the server refuses that; gives why it is still there."""
    thing = admin.things[kind]
    why = await _delete(admin, thing.delete, **{thing.place: id})
    if why and thing.change is not None:
        await admin.call(thing.change["operation"], thing.change["off"], **{thing.place: id})
        return f"{why}; it was put out of use instead"
    return why


async def by_prefix(admin: Admin, prefix: str) -> list[str]:
    """Take back whatever has a name that begins like this; gives what is left, by name. Raises ProvisionFailed."""
    left: list[str] = []
    for kind, thing in reversed(admin.things.items()):
        for found in await admin.listed(kind):
            if _begins(found, (thing.named, "model"), prefix) and not _out_of_use(found):
                why = await delete_thing(admin, kind, str(found["id"]))
                left += [f"{kind} {found.get(thing.named)}: {why}"] if why else []
    for user in await admin.users(prefix.rstrip("-")):
        if str(user["username"]).startswith(prefix):
            why = await _delete(admin, "deleteUser", user=str(user["id"]))
            left += [f"user {user['username']}: {why}"] if why else []
    return left


def _begins(found: dict[str, Any], keys: tuple[str, ...], prefix: str) -> bool:
    return any(f":{prefix}" in f":{found.get(key)}-" for key in keys)  # a model's name may begin with that of its provider


def _out_of_use(found: dict[str, Any]) -> bool:
    """Was it put out of use, since it can't be deleted?"""
    return found.get("enabled") is False and found.get("has_api_key") is False
