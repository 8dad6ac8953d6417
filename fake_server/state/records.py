"""The fake server's state: plain records, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

Json = Any
Part = dict[str, Any]

_PLACE_FIELDS = frozenset(("updated_at", "pin_order", "archived"))


def new_id() -> str:
    return str(uuid4())


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class User:
    username: str
    id: str = field(default_factory=new_id)
    email: str = ""
    name: str = ""
    login_type: str = "password"
    password: str = ""
    status: str = "active"  # active | suspended | dormant
    deleted: bool = False
    site_roles: set[str] = field(default_factory=set)  # owner, auditor, user-admin, template-admin
    org_roles: dict[str, set[str]] = field(default_factory=dict)  # organization id → roles; a key is a membership
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class Token:
    """A session or API token; sent as `<id>-<secret>` (10 and 22 characters)."""

    id: str
    secret: str
    user_id: str
    expires_at: datetime
    name: str = ""
    lifetime_seconds: int = 86400
    scope: str = "all"
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class Chat:
    owner_id: str
    organization_id: str
    title: str
    last_model_config_id: str
    id: str = field(default_factory=new_id)
    parent_chat_id: str | None = None
    root_chat_id: str | None = None  # None for a root: shown as its own id
    status: str = "pending"
    last_turn_summary: str | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    archived: bool = False
    pin_order: int = 0
    mcp_server_ids: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    client_type: str = "api"
    plan_mode: str = ""
    planning: bool = False  # plan mode of the turn that runs, as it was when that began
    last_error: dict[str, Json] | None = None
    workspace_id: str | None = None
    system_prompt: str = ""
    dynamic_tools: list[dict[str, Json]] = field(default_factory=list)
    acl_users: dict[str, str] = field(default_factory=dict)  # keys as spelled by the client
    acl_groups: dict[str, str] = field(default_factory=dict)
    file_ids: list[str] = field(default_factory=list)
    read_marker: int = 0
    api_key_id: str | None = None  # the token that the last turn was ordered with
    title_lock: bool = False
    summary: str | None = None
    last_reasoning_effort: str | None = None
    agent_type: str = ""  # general | explore, for sub-agents
    # Where a change of this chat's place in the list is noted (see ordering.py); None until it is listed.
    order: Any = field(default=None, repr=False, compare=False)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _PLACE_FIELDS:
            order = getattr(self, "order", None)
            if order is not None:
                order[self.id] = self

    @property
    def family_id(self) -> str:
        """The root's id, for a root its own."""
        return self.root_chat_id or self.id


@dataclass(slots=True)
class Message:
    id: int
    chat_id: str
    role: str  # user | assistant | tool | system
    content: list[Part]
    created_at: datetime = field(default_factory=now)
    created_by: str | None = None
    model_config_id: str | None = None
    usage: dict[str, int] | None = None
    visibility: str = "both"  # both | user | model
    deleted: bool = False


@dataclass(slots=True)
class QueuedMessage:
    id: int
    chat_id: str
    content: list[Part]
    created_by: str
    model_config_id: str | None = None
    created_at: datetime = field(default_factory=now)
    api_key_id: str | None = None
    reasoning_effort: str | None = None
    first: bool = False  # it runs next, whatever stands before it


@dataclass(slots=True)
class StoredFile:
    owner_id: str
    organization_id: str
    name: str
    media_type: str
    data: bytes
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class Workspace:
    """A workspace, as far as chats can tell: whose it is, and the files that its agent reads and writes."""

    owner_id: str
    organization_id: str
    id: str = field(default_factory=new_id)
    files: dict[str, bytes] = field(default_factory=dict)  # by path


@dataclass(slots=True)
class Provider:
    """An AI provider row of /api/v2/ai/providers."""

    type: str
    name: str
    base_url: str
    id: str = field(default_factory=new_id)
    display_name: str = ""
    icon: str = ""
    enabled: bool = False
    deleted: bool = False
    api_keys: list[dict[str, Json]] = field(default_factory=list)  # id, secret, created_at
    settings: Json = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class ModelConfig:
    provider_id: str
    provider_type: str
    model: str
    context_limit: int
    id: str = field(default_factory=new_id)
    display_name: str = ""
    enabled: bool = True
    is_default: bool = False
    deleted: bool = False
    compression_threshold: int = 70
    readers: dict[str, dict[str, str]] | None = None  # users and groups with their roles; None: everyone of the organization
    model_config: dict[str, Json] | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class UsageRow:
    """Token usage and price of one model call (a stored step, or a title)."""

    user_id: str
    organization_id: str
    chat_id: str
    root_chat_id: str
    model_config_id: str
    message_id: int
    usage: dict[str, int]
    cost_micros: int | None
    runtime_ms: int = 0
    created_at: datetime = field(default_factory=now)
