"""One fault for each refusal whose wording is a requirement: the same refusal in other words."""

from __future__ import annotations

import spec
from fake_server.faulting import rewords
from fake_server.refusals import PROFILE

# Told together with another refusal, under whose message they stand.
_TOGETHER = {"provider.type-missing": ["ERR-179", "ERR-181"]}

for _key, _row in spec.load(PROFILE).errors.items():
    _requirement = spec.registry().get(_row.prose)
    _shared = any(_row.prose in ids for ids in _TOGETHER.values())
    if _requirement and not _requirement.excluded and not _shared:
        _ids = [_row.prose, *_TOGETHER.get(_key, [])]
        rewords(f"prose-{_key.replace('.', '-')}", _key, "That did not work out.", red=_ids)
