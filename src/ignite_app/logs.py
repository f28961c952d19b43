"""Structured JSON log lines with addresses, tokens and names taken out, ours and the libraries' alike.

Redaction is the last step before a line is written, over every text in it, tracebacks included: by key
for what we know to be personal or secret, by pattern for what slipped into a message.
"""

import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import IO, Any, Final

import orjson
import structlog

SECRET_KEYS: Final = frozenset(
    "email address recipient rcpt to first_name last_name name_of_person token key password secret dsn authorization "
    "cookie x-api-key api_key raw".split()
)
_LOCAL: Final = r"\w.!#$%&'*+/=?^`{|}~-"
_PATTERNS: Final = (
    (re.compile(r"(\w://[^:/\s@]+:)[^\s/]+@"), r"\1[secret]@"),
    # An address: plain or quoted local part, @ or its percent form, a domain or an address literal. It begins
    # where a run of such characters begins, so that a long run without @ is looked at once.
    (
        re.compile(rf"""(?:"[^"\n]{{1,64}}"|(?<![{_LOCAL}])[{_LOCAL}]+)(?:@|%40)(?:\[[\w.:]+\]|[\w-]+(?:\.[\w-]+)+)"""),
        "[address]",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 [secret]"),
    (re.compile(r"(/(?:t/[oc]|u|console)/)[^\s\"'?]+"), r"\1[token]"),
    (re.compile(r"(?i)([?&](?:eid|sid|token|key)=)[^&\s\"']+"), r"\1[token]"),
    (re.compile(r"(?i)\b(password|api[_-]?key|secret)\s*[=:]\s*\S+"), r"\1=[secret]"),
)
_JSON_INTEGERS: Final = 1 << 63


def redact(text: str) -> str:
    """Replace addresses, tokens, bearer secrets and passwords in `text`."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {
            redact(str(key)): "[redacted]" if str(key).lower() in SECRET_KEYS and one not in (None, "") else _clean(one)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(one) for one in value]
    if value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) < _JSON_INTEGERS):
        return value
    return redact(str(value))


def redactor(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor; stands last before the renderer."""
    cleaned: MutableMapping[str, Any] = _clean(event)
    return cleaned


def _dumps(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def _crashed(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What Python would print raw to standard error: a driver's message may quote an address."""
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger("ignite").critical("process.crashed", exc_info=(kind, error, trace))


def configure(level: str = "info", stream: IO[str] | None = None) -> None:
    """Send structlog and the standard library's logging through one redacting JSON formatter to `stream`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="logged_at"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redactor,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    logging.captureWarnings(True)
    sys.excepthook = _crashed
    threading.excepthook = lambda told: _crashed(told.exc_type, told.exc_value, told.exc_traceback)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncssh"):
        logger = logging.getLogger(noisy)
        logger.handlers = []
        logger.propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # every line of it would hold a token
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
