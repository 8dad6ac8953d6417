"""Wrong uploads, downloads and links of files."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from fake_server.chats.file_links import MAX_FILES
from fake_server.endpoints.chats.files import declared_type
from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.faults.limits.bounds import other_status, refuse
from fake_server.http.endpoint import reply
from fake_server.rules import authz
from fake_server.rules.disposition import sent_name
from fake_server.rules.sniff import BINARY, TEXT
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state.records import Chat, StoredFile


def _uploaded(answer: Answer) -> StoredFile:
    file: StoredFile = answer.backend.store.files[answer.body["id"]]
    return file


def _named(answer: Answer) -> StoredFile | None:
    """The file that a download names."""
    try:
        found: StoredFile | None = answer.backend.store.files.get(parse_uuid(answer.path_params["file"]))
    except BadUUID:
        return None
    return found


@changes(
    "uploadFile",
    red=[
        "FILE-001",
        "SCHEMA-uploadFile",
        "FILE-037",
        "FILE-038",
        "FILE-039",
        "FILE-040",
        "FILE-041",
        "FILE-042",
        "FILE-044",
        "FILE-045",
        "CHATOBJ-012",
        "PART-017",
        "OWN-002",
        "FILE-067",
        "EDIT-046",
        "FILE-118",
        "FILE-119",
    ],
)
def file_ids_without_dashes(answer: Answer) -> None:
    """The id of an uploaded file has no dashes."""
    answer.body["id"] = answer.body["id"].replace("-", "")


other_status(
    "missing-organization-is-404", "upload.organization-missing", 404, "uploadFile", red=["FILE-002", "SCHEMA-uploadFile"]
)
other_status("bad-organization-is-404", "upload.organization-id", 404, "uploadFile", red=["FILE-003", "SCHEMA-uploadFile"])


@answers("uploadFile", red=["FILE-004", "FILE-007", "SCHEMA-uploadFile"])
def foreign_organization_is_hidden(answer: Answer) -> None:
    """An upload to a foreign organization is answered with 404."""
    if answer.status == 403 and answer.query["organization"] != answer.backend.store.organization_id:
        refuse(answer, "common.not-found")


@answers("uploadFile", red=["FILE-005", "SCHEMA-uploadFile"])
def upload_without_the_role_is_404(answer: Answer) -> None:
    """An upload without the right to create chats is answered with 404."""
    if answer.status == 403 and answer.query["organization"] == answer.backend.store.organization_id:
        refuse(answer, "common.not-found")


@answers("uploadFile", red=["FILE-006"])
def owner_may_not_upload(answer: Answer) -> None:
    """The site owner may not upload."""
    if answer.status == 201 and answer.actor == "root0":
        refuse(answer, "common.forbidden")


@instead("check_upload", red=["FILE-007", "FILE-005"])
def upload_right_after_name(right: Any, call: Any, organization: str) -> None:
    """A missing name is reported before the right."""
    if not authz.can_create(call.backend, call.user, organization):
        call.backend.guard("upload.name", not sent_name(call.header("content-disposition")))
    right(call, organization)


other_status(
    "unsupported-type-is-415",
    "upload.type",
    415,
    "uploadFile",
    red=["FILE-008", "FILE-012", "FILE-013", "FILE-015", "SCHEMA-uploadFile"],
)
turns_off(
    "upload-takes-any-type", "files of any type are accepted", "upload.type", red=["FILE-015", "ERR-145", "FILE-012", "FILE-013"]
)
turns_off("upload-without-name", "a file needs no name", "upload.name", red=["FILE-009", "ERR-147", "FILE-012"])
turns_off("upload-of-any-size", "files of any size are accepted", "upload.size", red=["FILE-011", "FILE-013"])
turns_off("upload-one-too-large", "files may be a byte too large", "upload.exact-size", red=["FILE-011", "FILE-013"])


@instead("check_upload", red=["FILE-012", "FILE-013", "ERR-145"])
def name_before_type(right: Any, call: Any, organization: str) -> None:
    """A missing name is reported before type and size."""
    right(call, organization)
    call.backend.guard("upload.name", not sent_name(call.header("content-disposition")))


turns_off("upload-takes-clashes", "content may be of another type than declared", "upload.mismatch", red=["FILE-014", "FILE-012"])
replaces(
    "upload-does-not-sniff",
    "the declared type is believed",
    "detected_type",
    lambda right, backend, data, name, declared: declared,
    red=["FILE-014", "FILE-015", "FILE-017", "FILE-018", "FILE-012", "FILE-020", "FILE-021", "FILE-092"],
)


@instead("keep_file", red=["FILE-017", "FILE-018", "FILE-020", "FILE-021", "SCHEMA-downloadFile", "FILE-093"])
def declared_type_is_stored(right: Any, call: Any, file: Any) -> None:
    """A file is stored under its declared type."""
    file.media_type = declared_type(call)
    right(call, file)


@instead("keep_file", red=["FILE-018"])
def text_stays_text(right: Any, call: Any, file: Any) -> None:
    """What is declared as plain text stays so."""
    file.media_type = TEXT if declared_type(call) == TEXT else file.media_type
    right(call, file)


replaces(
    "declared-type-is-exact",
    "a declared type has no parameters",
    "declared_type",
    lambda right, call: call.header("content-type") or BINARY,
    red=["FILE-019"],
)
turns_off(
    "extensions-do-not-count",
    "plain text is not refined by its name",
    "upload.refined-by-name",
    red=["FILE-020", "FILE-018", "FILE-016"],
)


@instead("keep_file", red=["FILE-022"])
def names_are_not_cut(right: Any, call: Any, file: Any) -> None:
    """Names of any length are stored."""
    file.name = sent_name(call.header("content-disposition"))
    right(call, file)


@answers("uploadFile", red=["FILE-010"])
def upload_one_too_small(answer: Answer) -> None:
    """A file of the largest size is refused."""
    if answer.status == 201 and len(_uploaded(answer).data) == 10_485_760:
        refuse(answer, "upload.size")


@answers("uploadFile", red=["FILE-016"])
def webp_is_not_allowed(answer: Answer) -> None:
    """WebP is refused."""
    if answer.status == 201 and _uploaded(answer).media_type == "image/webp":
        refuse(answer, "upload.type")


@changes("downloadFile", red=["FILE-021", "SCHEMA-downloadFile"])
def html_is_served_as_html(answer: Answer) -> None:
    """HTML is served as such."""
    if b"<html" in answer.body:
        answer.headers["content-type"] = "text/html"


@changes("downloadFile", red=["FILE-023"])
def names_in_ascii(answer: Answer) -> None:
    """What is outside ASCII is lost from names."""
    file = _named(answer)
    if file and not file.name.isascii() and len(file.name) < 100:
        answer.headers["content-disposition"] = f'inline; filename="{file.name.encode("ascii", "replace").decode()}"'


@instead("keep_file", red=["FILE-024"])
def blanks_for_control_characters(right: Any, call: Any, file: Any) -> None:
    """Control characters of a name are replaced by blanks."""
    said = unquote(call.header("content-disposition").partition("''")[2])
    file.name = re.sub(r"[\x00-\x1f]", " ", said) if re.search(r"[\x00-\x1f]", said) else file.name
    right(call, file)


# -- download


@changes("downloadFile", red=["FILE-025", "FILE-026", "FILE-036"])
def line_ends_are_changed(answer: Answer) -> None:
    """Line ends of text files are made plain."""
    if b"\r\n" in answer.body and answer.headers["content-type"].startswith("text/"):
        answer.body = answer.body.replace(b"\r\n", b"\n")


@changes("downloadFile", red=["FILE-026", "FILE-016", "FILE-017", "FILE-019", "FILE-020", "FILE-021", "SCHEMA-downloadFile"])
def downloads_have_no_type(answer: Answer) -> None:
    """Plain text is served as bytes of no known type."""
    if answer.headers["content-type"] == "text/plain":
        answer.headers["content-type"] = "application/octet-stream"


@changes("downloadFile", red=["FILE-027", "SCHEMA-headers", "ROUTE-014"])
def downloads_may_be_sniffed(answer: Answer) -> None:
    """A download lacks nosniff."""
    answer.headers.pop("x-content-type-options", None)


turns_off(
    "downloads-without-caching", "a download has no Cache-Control", "download.cache-control", red=["FILE-028", "SCHEMA-headers"]
)


@instead("download_file", red=["FILE-036", "SCHEMA-downloadFile"])
async def downloads_in_ranges(right: Any, call: Any) -> Any:
    """Ranges of a download are served."""
    whole = await right(call)
    return reply(206, whole.body[:4], headers=whole.headers, media=whole.media) if call.header("range") else whole


@changes("downloadFile", red=["FILE-029"])
def pdf_is_shown_inline(answer: Answer) -> None:
    """PDF is shown inline."""
    answer.headers["content-disposition"] = answer.headers["content-disposition"].replace("attachment", "inline")


@changes("downloadFile", red=["FILE-029"])
def csv_is_an_attachment(answer: Answer) -> None:
    """CSV is no longer shown inline."""
    if answer.headers["content-type"] == "text/csv":
        answer.headers["content-disposition"] = answer.headers["content-disposition"].replace("inline", "attachment")


other_status("bad-file-id-is-404", "download.id", 404, "downloadFile", red=["FILE-030"])


@answers("downloadFile", red=["FILE-031", "SCHEMA-downloadFile"])
def unknown_file_is_410(answer: Answer) -> None:
    """A file that is not there is gone."""
    if answer.status == 404 and answer.actor == "alice" and not _named(answer):
        answer.status = 410


@answers("downloadFile", red=["FILE-032", "FILE-035", "SCHEMA-downloadFile", "ACL-029", "FILE-117", "FILE-118"])
def foreign_file_is_403(answer: Answer) -> None:
    """Another member's file is refused with 403."""
    if answer.status == 404 and answer.actor == "bob" and _named(answer):
        refuse(answer, "common.forbidden")


replaces(
    "anybody-may-download",
    "every file may be read by everybody",
    "can_read_file",
    lambda right, backend, user, file: True,
    red=["FILE-032", "FILE-033", "FILE-035", "ACL-029", "CREATE-017", "FILE-117", "FILE-118"],
)


@answers("downloadFile", red=["FILE-034", "SCHEMA-downloadFile"])
def admins_may_not_download(answer: Answer) -> None:
    """The site owner may not read files of others."""
    file = _named(answer)
    if answer.status == 200 and answer.actor == "root0" and file and file.owner_id not in answer.path:
        owner = answer.backend.store.users[file.owner_id]
        if owner.username != "root0":
            refuse(answer, "common.not-found")


@answers("downloadFile", red=["ACL-029", "SCHEMA-downloadFile", "FILE-119"])
def files_of_archived_chats_are_hidden(answer: Answer) -> None:
    """A reader may not download what is linked to archived chats alone."""
    store = answer.backend.store
    linked = [store.chats[i] for i in store.chats_of_file.get(answer.path_params["file"], ())]
    if answer.status == 200 and answer.actor == "bob" and linked and all(chat.archived for chat in linked):
        refuse(answer, "common.not-found")


turns_off(
    "readers-may-not-download",
    "a share does not reach files",
    "access.linked-files",
    red=["FILE-035", "ACL-029", "FILE-118", "FILE-119"],
)

# -- links


@changes("createChat", red=["FILE-037", "CHATOBJ-012", "SCHEMA-createChat"])
def first_files_are_not_listed(answer: Answer) -> None:
    """The answer of create lacks the files."""
    answer.body["files"] = []


def _chat(answer: Answer) -> Chat:
    chat: Chat = answer.backend.store.chats[answer.path_params["chat"]]
    return chat


@changes("sendMessage", red=["FILE-038", "OWN-002", "FILE-119"])
def queued_files_are_not_linked(answer: Answer) -> None:
    """A file of a queued message is linked only when the message runs."""
    if answer.body["queued"]:
        _chat(answer).file_ids.clear()


@changes("editMessage", red=["FILE-042"])
def edits_never_warn(answer: Answer) -> None:
    """An edit over the bound of files has no warnings."""
    answer.body.pop("warnings", None)


@changes("editMessage", red=["FILE-039", "FILE-038", "FILE-042", "FILE-119"])
def edit_unlinks_files(answer: Answer) -> None:
    """An edit takes away the links of the messages that it replaces."""
    del _chat(answer).file_ids[:-1]


@changes("sendMessage", red=["FILE-041", "FILE-042", "FILE-043"])
def fiftieth_file_is_refused(answer: Answer) -> None:
    """The fiftieth file is not linked."""
    chat = _chat(answer)
    if len(chat.file_ids) == MAX_FILES and not answer.body.get("warnings"):
        chat.file_ids.pop()
        answer.body["warnings"] = ["file linking skipped"]


turns_off("any-number-of-files", "any number of files is linked", "files.cap", red=["FILE-042", "FILE-041", "FILE-067"])
turns_off("files-without-warnings", "there are never warnings", "files.warning", red=["FILE-042", "FILE-044", "FILE-067"])


@changes("sendMessage", red=["FILE-043", "FILE-046"])
def linked_files_give_a_warning(answer: Answer) -> None:
    """Naming files that are linked already gives a warning."""
    chat, memory = _chat(answer), answer.backend.faults.memory
    sent = [part["file_id"] for part in answer.sent["content"] if part["type"] == "file"]
    if sent and memory.get(f"files of {chat.id}") == len(chat.file_ids):
        answer.body["warnings"] = ["file linking skipped"]
    memory[f"files of {chat.id}"] = len(chat.file_ids)


@changes("sendMessage", "editMessage", red=["FILE-046", "FILE-041", "FILE-043", "SCHEMA-editMessage", "SCHEMA-sendMessage"])
def warnings_are_always_there(answer: Answer) -> None:
    """Warnings are an empty array when there are none."""
    answer.body.setdefault("warnings", [])


@changes("createChat", red=["FILE-067"])
def no_warning_on_create(answer: Answer) -> None:
    """A create with too many files has no warnings."""
    answer.body.pop("warnings", None)


turns_off("files-of-tools-are-loose", "Files that tools attach are not linked.", "files.of-tools-linked", red=["FILE-068"])
