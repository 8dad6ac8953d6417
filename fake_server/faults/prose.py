"""One fault for each refusal whose wording is a requirement: the same refusal in other words."""

from __future__ import annotations

import spec
from fake_server.faulting import rewords

# Told together with another refusal, under whose message they stand.
_TOGETHER = {"provider.type-missing": ["ERR-179", "ERR-181"]}


def _declare_all() -> None:
    ids: dict[str, list[str]] = {}  # of a refusal that has other words in another revision each of its ids
    for profile in (spec.DEFAULT, *spec.profiles(unfinished=True)):
        for key, row in spec.load(profile).errors.items():
            if row.prose and row.prose not in ids.setdefault(key, []):
                ids[key].append(row.prose)
    beside = {one for found in _TOGETHER.values() for one in found}
    for key, found in ids.items():
        known = (spec.all_rows().get(one) for one in found if one not in beside)
        wanted = [row.id for row in known if row and not row.excluded]
        if wanted:
            red = [*wanted, *_TOGETHER.get(key, [])]
            rewords(f"prose-{key.replace('.', '-')}", key, "That did not work out.", red=red)


_declare_all()
