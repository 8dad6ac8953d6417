"""The probes of all revisions tell their servers apart, also those that are unfinished."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

import spec
from conformance.run.revision import judged, probes
from conformance.wire.exchange import Response
from fake_server.serve import running_server

PROFILES = spec.profiles(unfinished=True)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_server_is_known_by_its_answers(profile: str) -> None:
    known = {name: probes(name) for name in PROFILES}

    async def scene() -> dict[str, Response]:
        async with running_server(profile=profile) as server:
            token = str(server.target["users"]["alice"]["token"])
            async with httpx2.AsyncClient(base_url=str(server.target["base_url"])) as http:
                headers = {spec.load(profile).traits["token_header"]: token}
                found = {}
                for path in {probe.path for rows in known.values() for probe in rows}:
                    answer = await http.get(path, headers=headers)
                    found[path] = Response(answer.status_code, content=answer.content)
                return found

    assert judged(known, asyncio.run(scene())).profile == profile
