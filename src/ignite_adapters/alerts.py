"""Ways to tell people of an alert: a webhook and e-mail. Decides the wording, not what is told or how often."""

import asyncio
import smtplib
from email.message import EmailMessage
from typing import Final

import httpx

from ignite_adapters.postgres.alerts import Alert
from ignite_domain.errors import PortFailure

TIMEOUT_REAL_SECONDS: Final = 10.0


class WebhookChannel:
    """POSTs one JSON object for each beginning and end. `id` and `state` tell a repetition from news."""

    name = "webhook"
    each = False

    def __init__(self, url: str, *, timeout: float = TIMEOUT_REAL_SECONDS) -> None:
        self._url = url
        self._client = httpx.AsyncClient(timeout=timeout)

    async def tell(self, alert: Alert, what: str) -> None:
        document = {
            "id": alert.id,
            "state": what,
            "kind": alert.kind,
            "subject": alert.subject,
            "text": alert.text,
            "first_seen": alert.first_seen.isoformat(),
            "last_seen": alert.last_seen.isoformat(),
            "ended_at": alert.ended_at.isoformat() if alert.ended_at else None,
        }
        try:
            response = await self._client.post(self._url, json=document)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise PortFailure("alert webhook", type(failure).__name__) from None
        if not 200 <= response.status_code < 300:
            raise PortFailure("alert webhook", f"HTTP {response.status_code}")

    async def close(self) -> None:
        await self._client.aclose()


class EmailChannel:
    """One short mail for each, handed to the MTA that takes our other mail."""

    name = "email"
    each = True

    def __init__(
        self, host: str, port: int, sender: str, recipient: str, *, timeout: float = TIMEOUT_REAL_SECONDS
    ) -> None:
        self._server = (host, port)
        self._sender = sender
        self._recipient = recipient
        self._timeout = timeout

    async def tell(self, alert: Alert, what: str) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, self._recipient
        mail["Subject"] = f"IGNITE: {alert.kind.replace('_', ' ')} {'is over' if what == 'ended' else 'on'} " + (
            alert.about or "the main host"
        )
        over = f"\nOver since {alert.ended_at:%Y-%m-%d %H:%M:%S} UTC.\n" if alert.ended_at else ""
        mail.set_content(f"{alert.text}\n\nFirst seen {alert.first_seen:%Y-%m-%d %H:%M:%S} UTC.\n{over}")
        await asyncio.to_thread(self._send, mail)

    def _send(self, mail: EmailMessage) -> None:
        try:
            with smtplib.SMTP(*self._server, timeout=self._timeout) as server:
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as failure:
            raise PortFailure("alert mail", type(failure).__name__) from None
