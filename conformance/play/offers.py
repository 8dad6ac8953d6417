"""What the revision under judgement has, for cases that are played in several: operations, fields, keys, refusals, bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.play.verdict import Unmet
from spec.documents import UnknownOperation
from spec.tables import StreamOrder, limit, stream_order

if TYPE_CHECKING:
    from conformance.run.session import Session


class Offers:
    """The part of a case that reads the profile."""

    session: Session
    lacking: frozenset[str] = frozenset()  # operations that the chats of this case do not take

    def limit(self, name: str, bound: str = "max") -> int:
        """A bound of the profile (tables/limits.yaml): min, max, default or cut_to of that row."""
        return limit(self.session.profile, name, bound)

    @property
    def order(self) -> StreamOrder:
        """The order of what a chat's stream tells, in this profile."""
        return stream_order(self.session.profile.name, self.session.profile.folder)

    def url(self, operation: str, **values: Any) -> str:
        """The path of an operation of the document. Raises Unmet.

        A place of it without a value gets that of the target (an organization), or a UUID of nothing.
        """
        try:
            return self.session.documents.url(operation, **{"organization": self.session.target.organization_id} | values)
        except UnknownOperation as error:
            raise Unmet(str(error)) from None

    def offers(self, operation: str) -> bool:
        """Has this revision that operation, for chats like those of this case?"""
        return operation in self.session.documents.operations and operation not in self.lacking

    def fields(self, operation: str) -> frozenset[str]:
        """The fields of the JSON body of that operation. Raises Unmet when this revision has no such operation."""
        self.url(operation)
        schema = self.session.documents.operations[operation].request.get("application/json", {})
        return frozenset(self.session.documents.resolve(schema).get("properties", {}))

    def refuses(self, key: str) -> bool:
        """Has this revision the refusal of that key?"""
        return key in self.session.profile.errors

    def knows(self, schema: str, key: str) -> bool:
        """Has the object of that name in the documents this key?"""
        return key in self.session.profile.openapi["components"]["schemas"].get(schema, {}).get("properties", {})
