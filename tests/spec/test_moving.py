"""What a profile moves stands in its new place alone, and what it serves twice in both."""

from __future__ import annotations

import pytest

import spec
from spec.documents import documents
from spec.moving import moved, moved_document, second_places

MOVES = {"/a": "/b", "/a/stays": "/a/stays", "/a/{id}/far": "/c/far"}


PLACES = {
    "/a": "/b",
    "/a/x": "/b/x",
    "/ab": "/ab",
    "/a/stays": "/a/stays",
    "/a/stays/x": "/a/stays/x",
    "/a/{id}/far/x": "/c/far/x",
}


@pytest.mark.parametrize("path", PLACES)
def test_the_longest_beginning_counts(path: str) -> None:
    assert moved(path, MOVES) == PLACES[path]


def test_two_paths_have_two_places() -> None:
    with pytest.raises(ValueError, match="two paths"):
        moved_document({"paths": {"/a": {}, "/b": {}}}, MOVES, "here")


def test_a_second_place_is_below_its_own_beginning() -> None:
    assert list(second_places("/b/x", {"/a": "/b", "/d": "/c"})) == ["/a/x"]


@pytest.mark.parametrize("name", [name for name in spec.profiles(unfinished=True) if spec.load(name).traits.get("beside")])
def test_requests_to_a_second_place_are_the_same_operations(name: str) -> None:
    api = documents(name)
    beside = spec.load(name).traits["beside"]
    pairs = [(operation, second) for operation in api.operations.values() for second in second_places(operation.path, beside)]
    assert len(pairs) > 50
    for operation, second in pairs:
        found = api.match(operation.method, second.replace("{", "").replace("}", ""))
        assert found is not None and found.operation is operation, f"{operation.method} {second}"


@pytest.mark.parametrize("name", [name for name in spec.profiles(unfinished=True) if spec.load(name).moves])
def test_channels_are_where_their_operations_are(name: str) -> None:
    addresses = {channel["address"] for channel in spec.load(name).asyncapi["channels"].values()}
    assert addresses <= {operation.path for operation in documents(name).operations.values()}
