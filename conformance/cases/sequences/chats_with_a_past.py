"""Chats with a past: what was archived, brought back and edited goes on like a chat just created."""

from __future__ import annotations

from typing import Any

from conformance.cases.lifecycle import archive, edit, interrupt, queue, send, toolresults
from conformance.cases.paging import messages
from conformance.cases.sharing import shares
from conformance.cases.streaming import retry, snapshot, tools
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes import chatmaking
from conformance.scenes.chatmaking import play, played

ON_CHATS_WITH_A_PAST = played(
    (archive, "archive_stops_what_runs archive_keeps_the_queue"),
    (edit, "edit_during_a_turn edit_and_queue edit_of_an_idle_chat"),
    (interrupt, "interrupt_in_a_text interrupt_with_a_queue interrupt_while_results_are_awaited"),
    (queue, "sends_during_a_turn promote_on_an_idle_chat what_was_deleted_never_runs"),
    (send, "send_to_an_idle_chat send_with_a_model"),
    (toolresults, "results_of_a_client results_twice"),
    (messages, "message_cursors"),
    (shares, "take_a_share_back"),
    (retry, "passing_failure[503]"),
    (snapshot, "middle_of_a_step"),
    (tools, "interrupt_with_a_queue"),
)


@case(rows=ON_CHATS_WITH_A_PAST)
async def as_on_a_new_chat(t: Case, row: dict[str, Any]) -> None:
    t.maker = chatmaking.with_a_past
    await play(t, row)
