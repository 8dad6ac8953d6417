"""What the administration's endpoints share: who may read and change, and which user a path means."""

from __future__ import annotations

from fake_server.http.endpoint import Call, not_found, sign_in
from fake_server.rules.authz import can_read_deployment, can_update_deployment
from fake_server.state.accounts import can_read_user, find_user
from fake_server.state.records import User

V2 = "/api/v2"
NUL_ERROR = 'pq: invalid byte sequence for encoding "UTF8": 0x00'
IN_TRANSACTION = f"execute transaction: {NUL_ERROR}"


def may_read(call: Call) -> bool:
    """May the caller read the deployment's configuration?"""
    return can_read_deployment(call.user)


def may_update(call: Call) -> bool:
    """May the caller change the deployment's configuration?"""
    return can_update_deployment(call.user)


def require_update(call: Call) -> None:
    """403 for everybody but the site owner."""
    call.backend.guard("common.forbidden", not may_update(call))


def target_user(call: Call) -> User:
    """The user of the path's `{user}`: 404 for one that is not there or that the caller may not know of."""
    user = find_user(call.backend, call.user, call.params["user"])
    if user is None or not can_read_user(call.backend, call.user, user):
        raise not_found()
    return user


def enter_user(call: Call) -> None:
    """Entering a path below a user: the caller must be signed in and may know of the user."""
    sign_in(call)
    target_user(call)
