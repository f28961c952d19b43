"""`PolicyStore` in memory."""

from collections.abc import Sequence

from ignite_domain.errors import Conflict
from ignite_domain.governance.ports import PolicyVersion


class MemoryPolicyStore:
    """`kept` may be looked at directly: all versions, oldest first."""

    def __init__(self) -> None:
        self.kept: list[PolicyVersion] = []

    async def newest(self, beyond: int = 0) -> PolicyVersion | None:
        return self.kept[-1] if len(self.kept) > beyond else None

    async def versions(self, before: int, limit: int) -> Sequence[PolicyVersion]:
        return [one for one in reversed(self.kept) if one.version < before][:limit]

    async def add(self, policy: PolicyVersion) -> None:
        if policy.version != len(self.kept) + 1:
            raise Conflict("the policy has been changed meanwhile: read it again")
        self.kept.append(policy)
