"""Which requests the landing page answers."""

from pathlib import Path

import pytest
from litestar import Litestar, get
from litestar.testing import AsyncTestClient

from ignite_app.http.site import OwnedSite
from ignite_domain.tracking import LinkCodec, TrackingService

SERVICE = TrackingService(LinkCodec.of(["the secret of these tests"]), "http://t.example", ("discountblog.com",))


@get(["/", "/api/v1/loop", "/deals", "/assets/a.js"])
async def console() -> str:
    return "console"


@pytest.mark.parametrize(
    ("host", "path", "text"),
    [
        ("127.0.0.1:8025", "/", "console"),
        ("127.0.0.1:8025", "/assets/a.js", "console"),
        ("discountblog.com.evil.example", "/", "console"),
        ("discountblog.com:8025", "/", "site"),
        ("www.discountblog.com", "/deals", "site"),
        ("discountblog.com", "/assets/a.js", "script"),
        ("discountblog.com", "/deals/today/assets/a.js", "script"),
        ("discountblog.com", "/assets/../site.html", "site"),
        ("discountblog.com", "/assets/%2e%2e%2fsite.html", "site"),
        ("discountblog.com", "/assets/b.js", "not found"),
        ("discountblog.com", "/api/v1/loop", "console"),
    ],
)
async def test_the_host_decides(tmp_path: Path, host: str, path: str, text: str) -> None:
    (tmp_path / "site.html").write_text("site")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.js").write_text("script")
    app = OwnedSite(Litestar([console]), SERVICE, tmp_path)
    async with AsyncTestClient(app, base_url="http://127.0.0.1") as client:
        answer = await client.get(path, headers={"host": host})
        assert answer.text == text
        head = await client.head(path, headers={"host": host})
        assert head.text == ""


async def test_a_site_that_was_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    async with AsyncTestClient(OwnedSite(Litestar([console]), SERVICE, tmp_path)) as client:
        answer = await client.get("/", headers={"host": "discountblog.com"})
        assert answer.status_code == 503
        assert "make dashboard" in answer.text
