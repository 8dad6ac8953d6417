"""Users' own skills: Markdown with a head in YAML, which the users' agents may read."""

from __future__ import annotations

import re
from typing import Any

import yaml

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.shared import target_user
from fake_server.http.endpoint import API, Call, Reply, forbidden, not_found, reply, route
from fake_server.rules import authz
from fake_server.rules.decode import Struct, Text
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import quote
from fake_server.state.records import User, new_id

PATH = f"{API}/users/{{user}}/skills"
ONE = f"{PATH}/{{skill}}"
MAX_CONTENT, MAX_DESCRIPTION, MAX_NAME, MAX_SKILLS = 64 << 10, 4096, 256, 100
BODY_CAP = MAX_CONTENT * 6 + 1024
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
CREATE = Struct("CreateUserSkillRequest", {"content": Text()})
UPDATE = Struct("UpdateUserSkillRequest", {"content": Text()})

Json = dict[str, Any]


def _parse(call: Call, content: str) -> tuple[str, str]:
    """Name and description of a skill. Refuses with what is wrong first."""
    backend = call.backend
    backend.guard("skills.content-size", len(content.encode()) > MAX_CONTENT, size=len(content.encode()))
    lines = content.removeprefix("\ufeff").split("\n")
    ends = [n for n, line in enumerate(lines) if line.strip() == "---"]
    if not ends or ends[0] != 0:
        raise refusal("skills.content", detail="parse skill frontmatter: missing opening frontmatter delimiter")
    if len(ends) < 2:
        raise refusal("skills.content", detail="parse skill frontmatter: missing closing frontmatter delimiter")
    name, description = _head("\n".join(lines[1 : ends[1]]))
    if not NAME.fullmatch(name):
        backend.guard("skills.name", True, detail=_bad_name(f"{quote(name)} must match ^{NAME.pattern}$"))
    too_long = f"{quote(name)} is {len(name)} bytes, maximum is {MAX_NAME} bytes"
    backend.guard("skills.name", len(name) > MAX_NAME, detail=_bad_name(too_long))
    size = len(description.encode())
    backend.guard("skills.description-size", size > MAX_DESCRIPTION, size=size)
    body = re.sub(r"<!--[\s\S]*?-->", "", "\n".join(lines[ends[1] + 1 :]))
    backend.guard("skills.body", not body.strip(), name=quote(name))
    return name, description


def _head(text: str) -> tuple[str, str]:
    try:
        head = yaml.safe_load(text)
    except yaml.YAMLError as error:
        said = str(error).splitlines()[0]
        raise refusal("skills.content", detail=f"parse skill frontmatter: parse frontmatter YAML: yaml: {said}") from None
    if head is not None and not isinstance(head, dict):
        raise refusal("skills.content", detail="parse skill frontmatter: parse frontmatter YAML: yaml: unmarshal errors")
    head = head or {}
    name = head.get("name")
    if not isinstance(name, str) or not name.rstrip("\r\n"):
        raise refusal("skills.name", detail=_bad_name("frontmatter must contain a 'name' field"))
    description = head.get("description", "")
    if not isinstance(description, str):
        said = 'frontmatter field "description" must be a string'
        raise refusal("skills.content", detail=f"parse skill frontmatter: {said}")
    return name.rstrip("\r\n"), description.rstrip("\r\n")


def _bad_name(why: str) -> str:
    return f"invalid skill name: {why}: invalid skill name"


def _skills(call: Call, user: User) -> dict[str, Json]:
    return call.backend.store.skills.setdefault(user.id, {})


def _readable(call: Call) -> dict[str, Json]:
    """The skills of the path's user, for himself and the site owner; 404 for all others."""
    user = target_user(call)
    if user.id != call.user.id and not authz.is_site_owner(call.user) and call.backend.does("skills.are-private"):
        raise not_found()
    return _skills(call, user)


def _writable(call: Call) -> dict[str, Json]:
    """Nobody else writes down what a user's agents are told, the site owner neither."""
    user = target_user(call)
    if user.id != call.user.id:
        raise forbidden()
    return _skills(call, user)


def _one(call: Call, skills: dict[str, Json]) -> Json:
    skill = skills.get(call.params["skill"])
    if skill is None:
        raise not_found()
    return skill


@route("createUserSkill", "POST", PATH)
async def create(call: Call) -> Reply:
    """A new skill; its name and description come from its head."""
    content = (await call.json(CREATE, cap=BODY_CAP))["content"]
    name, description = _parse(call, content)
    skills = _writable(call)
    call.backend.guard("skills.limit", len(skills) >= call.backend.bound("skills.exact-limit", MAX_SKILLS))
    call.backend.guard("skills.taken", name in skills)
    now = stamp(call.backend.clock.now())
    skill = {"id": new_id(), "name": name, "description": description, "created_at": now, "updated_at": now}
    skills[name] = skill | {"content": content}
    return reply(201, skills[name])


@route("listUserSkills", "GET", PATH)
async def list_skills(call: Call) -> Reply:
    """All skills by name, without their content."""
    skills = sorted(_readable(call).values(), key=lambda skill: str(skill["name"]))
    return reply(200, [{key: value for key, value in skill.items() if key != "content"} for skill in skills])


@route("getUserSkill", "GET", ONE)
async def get_skill(call: Call) -> Reply:
    """One skill with its content as it was sent."""
    return reply(200, _one(call, _readable(call)))


@route("patchUserSkill", "PATCH", ONE)
async def patch_skill(call: Call) -> Reply:
    """Replace a skill's content; its name stays."""
    content = (await call.json(UPDATE, cap=BODY_CAP))["content"]
    name, description = _parse(call, content)
    wanted = call.params["skill"]
    call.backend.guard("skills.renamed", name != wanted, path=quote(wanted), name=quote(name))
    skill = _one(call, _writable(call))
    if call.backend.does("skills.replaced"):
        skill |= {"description": description, "content": content}
    skill["updated_at"] = stamp(call.backend.clock.now())
    return reply(200, skill)


@route("deleteUserSkill", "DELETE", ONE)
async def delete_skill(call: Call) -> Reply:
    """Forget a skill."""
    skills = _readable(call)
    name = _one(call, skills)["name"]
    if call.backend.does("skills.deleted"):
        del skills[name]
    return reply(204)
