"""`MailInjector` in memory: keeps what it took, and answers as told."""

from collections.abc import Callable, Sequence

from ignite_domain.campaigns.ports import Injection, InjectionResult, Message

Answer = tuple[InjectionResult, int, str]
TAKEN: Answer = (InjectionResult.ACCEPTED, 250, "body")


def _take(_message: Message) -> Answer:
    return TAKEN


class MemoryInjector:
    """`answer` says what becomes of a message (default: taken). `taken` holds every message that went in.

    A message answered IN_DOUBT was taken, as the worst case is: the reply alone got lost.
    """

    def __init__(self, answer: Callable[[Message], Answer] = _take) -> None:
        self.answer = answer
        self.taken: list[Message] = []

    async def inject(self, batch: Sequence[Message]) -> list[Injection]:
        results = []
        for message in batch:
            result, code, where = self.answer(message)
            if result in (InjectionResult.ACCEPTED, InjectionResult.IN_DOUBT):
                self.taken.append(message)
            results.append(Injection(message.key, result, code, where))
        return results

    async def close(self) -> None:
        """Nothing is open."""
