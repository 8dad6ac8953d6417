"""A user's own settings: prompt, compaction thresholds, choices."""

from __future__ import annotations

from uuid import uuid4

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import base_model, config_path, member, new_model
from conformance.scenes.config import INVISIBLE, LONGEST, prompt, put_prompt, threshold, thresholds

OWN = ("user-prompt", "user-compaction-thresholds", "user-personal-model-overrides", "user-debug-logging")


@case("CONF-009", "CONF-020", "CONF-021", needs=["admin", "second-user"])
async def own_settings(t: Case) -> None:
    users = [await member(t), await t.new_user()]
    model = (await base_model(t))["id"]
    with t.judging("CONF-009"):
        for user in users:
            for name in OWN:
                t.accepted(await user.get(config_path(t, name)))
            t.accepted(await put_prompt(t, user, "Mine."))
            t.accepted(await threshold(t, user, model, 60))
            t.expect(await thresholds(t, user), {model: 60}, "the thresholds read back")
    with t.judging("CONF-020"):
        t.expect(t.accepted(await put_prompt(t, users[0], "Stored.\r\n")), {"custom_prompt": "Stored."}, "the answer")
        t.expect(await prompt(t, users[0]), "Stored.", "the prompt read back")
    with t.judging("CONF-021"):
        t.accepted(await put_prompt(t, users[1], "Another's."))
        t.expect(await prompt(t, users[0]), "Stored.", "the first user's prompt")
        t.expect(await prompt(t, users[1]), "Another's.", "the second user's prompt")


@case("CONF-010", "CONF-012", needs=["admin"])
async def prompts_that_are_no_text(t: Case) -> None:
    user = await member(t)
    t.given(await put_prompt(t, user, "Kept."))
    with t.judging("CONF-010"):
        for content in (b"", b"{", b'{"custom_prompt": 1}'):
            t.refused(await user.put(config_path(t, "user-prompt"), content=content), "common.bad-json")
        t.expect(await prompt(t, user), "Kept.", "the prompt after malformed bodies")
    with t.judging("CONF-012"):
        t.refused(await put_prompt(t, user, "a\0b"), "config.user-prompt-nul")
        t.expect(await prompt(t, user), "Kept.", "the prompt after one with a NUL")


@case("CONF-014", "CONF-015", "CONF-016", "CONF-017", "CONF-235", needs=["admin"])
async def prompt_lengths(t: Case) -> None:
    user = await member(t)
    longest = "é" + "a" * (LONGEST - 2)
    with t.judging("CONF-014"):
        t.accepted(await put_prompt(t, user, longest))
        t.expect(await prompt(t, user), longest, "the longest prompt read back")
    with t.judging("CONF-015"):
        t.refused(await put_prompt(t, user, longest + "b"), "config.user-prompt-length", size=LONGEST + 1)
        t.expect(await prompt(t, user), longest, "the prompt after one that is too long")
    for requirement, key in (("CONF-016", "common.bad-json"), ("CONF-235", "common.too-large")):
        with t.judging(requirement):
            # white space would be cleaned away, so that only the size of the body can be what is refused
            t.refused(await put_prompt(t, user, "b" + " " * 262_144), key)
            t.expect(await prompt(t, user), longest, "the prompt after a body that is too large")
    with t.judging("CONF-017"):
        t.accepted(await put_prompt(t, user, "b" * LONGEST + " " * 100))
        t.expect(len(await prompt(t, user)), LONGEST, "the length of what was stored")


@case("CONF-018", "CONF-019", "CONF-065", needs=["admin"])
async def prompts_are_cleaned(t: Case) -> None:
    user = await member(t)
    with t.judging("CONF-018"):
        t.accepted(await put_prompt(t, user, " a \r\nb\t\rc\n\n\n\n d \n"))
        t.expect(await prompt(t, user), "a\nb\nc\n\n d", "the cleaned text")
    with t.judging("CONF-019"):
        t.accepted(await put_prompt(t, user, f"x{INVISIBLE}y"))
        t.expect(await prompt(t, user), "xy", "the text without invisible characters")
    with t.judging("CONF-065"):
        t.accepted(await put_prompt(t, user, "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"))
        t.expect(await prompt(t, user), "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "the Persian text")


@case("CONF-055", "CONF-056", "CONF-057", "CONF-058", "CONF-059", "CONF-060", "CONF-061", needs=["admin", "model-admin"])
async def compaction_thresholds(t: Case) -> None:
    user, other = await member(t), await member(t)
    model, off, unknown = (await new_model(t))["id"], (await new_model(t, enabled=False))["id"], str(uuid4())
    with t.judging("CONF-055"):
        for percent in (0, 100):
            stored = {"model_config_id": model, "threshold_percent": percent}
            t.expect(t.accepted(await threshold(t, user, model, percent)), stored, "the answer")
            t.expect(await thresholds(t, user), {model: percent}, "the thresholds")
    with t.judging("CONF-056"):
        t.refused(await threshold(t, user, model, -1), "compaction.threshold-min", value=-1)
        t.refused(await threshold(t, user, model, 101), "compaction.threshold-max", value=101)
        t.expect((await thresholds(t, user)).get(model), 100, "the threshold after refused ones")
    with t.judging("CONF-057"):
        t.refused(await threshold(t, user, unknown, 50), "common.not-found")
        t.true(unknown not in await thresholds(t, user), "no threshold is listed for an unknown model")
    with t.judging("CONF-058"):
        t.refused(await threshold(t, user, off, 50), "compaction.disabled")
        t.true(off not in await thresholds(t, user), "no threshold is listed for a disabled model")
    with t.judging("CONF-059"):
        t.refused(await threshold(t, user, unknown, 101), "compaction.threshold-max", value=101)
    with t.judging("CONF-060"):
        t.true(model not in await thresholds(t, other), "another user sees no threshold")
        t.accepted(await threshold(t, other, model, 33))
        t.expect((await thresholds(t, user)).get(model), 100, "the first user's threshold")
    with t.judging("CONF-061"):
        for _ in range(2):
            t.accepted(await user.delete(config_path(t, f"user-compaction-thresholds/{model}")))
            t.true(model not in await thresholds(t, user), "a deleted threshold is not listed")
