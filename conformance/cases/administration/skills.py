"""Users' own skills: Markdown with a head that names and describes it."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.declaration import case

LARGEST, LONGEST, MOST = 65_536, 4_096, 100


def place(t: Case, user: str = "me", name: str = "") -> str:
    return t.url("getUserSkill", user=user, skill=name) if name else t.url("listUserSkills", user=user)


def markdown(name: str = "my-skill", description: str = "Does things", body: str = "Do it.") -> str:
    return f"---\nname: {name}\ndescription: {description}\n---\n{body}"


BAD = {
    "skills.content": ("Do it.", "---\nname: broken\nDo it.", "---\nname: [\n---\nDo it."),
    "skills.name": ("---\ndescription: none\n---\nDo it.", markdown("Broken"), markdown("bro--ken"), markdown("b" * 257)),
    "skills.body": (markdown(body=""), markdown(body="<!-- nothing -->")),
}


async def made(t: Case, user: Actor, content: str) -> dict[str, Any]:
    return dict(t.accepted(await user.post(place(t), {"content": content})))


async def one(t: Case, user: Actor, name: str = "my-skill") -> dict[str, Any]:
    return dict(t.accepted(await user.get(place(t, name=name))))


async def names(t: Case, actor: Actor, whose: str = "me") -> list[str]:
    return [skill["name"] for skill in t.accepted(await actor.get(place(t, whose)))]


@case("SKILL-001", "SKILL-002", "SKILL-003", "SKILL-004", "SKILL-006", "SKILL-007", "SKILL-012")
async def life_of_a_skill(t: Case) -> None:
    user, content = await t.new_user(), markdown(body="Do it. <!-- not shown to models -->\n")
    with t.judging("SKILL-001"):
        skill = await made(t, user, content)
        shown = (skill["name"], skill["description"], skill["content"])
        t.exactly(shown, ("my-skill", "Does things", content), "name, description and content of the answer")
        t.expect(await one(t, user), skill, "the skill read back")
    with t.judging("SKILL-002"):
        await made(t, user, markdown("a-skill"))
        t.expect(await names(t, user), ["a-skill", "my-skill"], "the names in the list")
        t.true(not any("content" in row for row in t.accepted(await user.get(place(t)))), "no row of the list has the content")
    with t.judging("SKILL-006"):
        before = await one(t, user)
        t.refused(await user.post(place(t), {"content": markdown(description="Another")}), "skills.taken")
        t.expect(await one(t, user), before, "the skill after that")
    with t.judging("SKILL-007"):
        before = await one(t, user)
        t.refused(await user.patch(place(t, name="my-skill"), {"content": markdown("other")}), "skills.renamed")
        t.expect(await one(t, user), before, "the skill after that")
    with t.judging("SKILL-003"):
        before, newer = await one(t, user), markdown(description="Does more", body="Do more.")
        after = t.accepted(await user.patch(place(t, name="my-skill"), {"content": newer}))
        t.exactly((after["description"], after["content"]), ("Does more", newer), "description and content of the answer")
        kept = {key: before[key] for key in ("id", "name", "created_at")}
        t.expect({key: after[key] for key in kept}, kept, "what stays")
        t.expect(await one(t, user), after, "the skill read back")
    with t.judging("SKILL-004"):
        t.accepted(await user.delete(place(t, name="my-skill")))
        t.refused(await user.get(place(t, name="my-skill")), "common.not-found")
        t.expect(await names(t, user), ["a-skill"], "the names in the list")
    with t.judging("SKILL-012"):
        for answer in (
            await user.get(place(t, name="none")),
            await user.patch(place(t, name="none"), {"content": markdown("none")}),
            await user.delete(place(t, name="none")),
        ):
            t.refused(answer, "common.not-found")
        t.accepted(await user.get(place(t, name="a-skill")))


@case("SKILL-005", "SKILL-008")
async def contents(t: Case) -> None:
    user = await t.new_user()
    skill = await made(t, user, markdown())
    with t.judging("SKILL-005"):
        for key, bad in BAD.items():
            for content in bad:
                t.refused(await user.post(place(t), {"content": content}), key)
                t.refused(await user.patch(place(t, name="my-skill"), {"content": content}), key)
        t.expect(
            t.accepted(await user.get(place(t))), [{k: v for k, v in skill.items() if k != "content"}], "the skills after that"
        )
    with t.judging("SKILL-008"):
        most = markdown("large", body="")
        for length, refused in ((LARGEST + 1, True), (LARGEST, False)):
            answer = await user.post(place(t), {"content": most.ljust(length, "x")})
            t.refused(answer, "skills.content-size") if refused else t.accepted(answer)
        for length, refused in ((LONGEST + 1, True), (LONGEST, False)):
            answer = await user.post(place(t), {"content": markdown("long", "x" * length)})
            t.refused(answer, "skills.description-size") if refused else t.accepted(answer)


@case("SKILL-009")
async def as_many_as_there_may_be(t: Case) -> None:
    user = await t.new_user()
    for n in range(MOST):
        await made(t, user, markdown(f"skill-{n}"))
    t.refused(await user.post(place(t), {"content": markdown("more")}), "skills.limit")
    t.expect(len(await names(t, user)), MOST, "the number of skills after that")
    t.accepted(await user.delete(place(t, name="skill-0")))
    await made(t, user, markdown("more"))


@case("SKILL-010", "SKILL-011")
async def skills_of_others(t: Case) -> None:
    user = await t.new_user()
    skill, theirs = await made(t, user, markdown()), {"content": markdown(description="Theirs")}
    with t.judging("SKILL-010"):
        for other in (t.alice, *(t.actor(name) for name in ("carol", "orgadmin", "orgauditor", "auditor"))):
            for answer in (
                await other.get(place(t, user.id)),
                await other.get(place(t, user.id, "my-skill")),
                await other.post(place(t, user.id), {"content": markdown("theirs")}),
                await other.patch(place(t, user.id, "my-skill"), theirs),
                await other.delete(place(t, user.id, "my-skill")),
            ):
                t.true(answer.response.status in (403, 404), f"refused to {other.name}", answer.response.status)
        t.expect(await one(t, user), skill, "the skill after that")
        t.expect(await names(t, user), ["my-skill"], "the skills after that")
    with t.judging("SKILL-011"):
        t.expect(t.accepted(await t.root.get(place(t, user.id, "my-skill"))), skill, "the skill, read by the site owner")
        t.refused(await t.root.post(place(t, user.id), {"content": markdown("theirs")}), "common.forbidden")
        t.refused(await t.root.patch(place(t, user.id, "my-skill"), theirs), "common.forbidden")
        t.expect(await one(t, user), skill, "the skill after that")
        t.accepted(await t.root.delete(place(t, user.id, "my-skill")))
        t.expect(await names(t, user), [], "the skills after that")
