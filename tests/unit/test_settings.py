"""Settings: every wrong key and value named at once, with the place it stands in; secrets never shown."""

from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
import yaml

from ignite_app.settings import Secret, Settings, VmtaSettings
from ignite_app.settings_loader import load, mask
from ignite_app.yaml_lines import lines_of
from ignite_domain.errors import BadInput
from ignite_domain.governance.words import Mode

GOOD = """
bucket: {kind: s3, name: lists, secret_key: s3cr3t-of-the-bucket}
pmta:
  smtp_port: 25
  vmtas:
    - {name: mta1, ip: 192.0.2.1}
    - {name: mta4, ip: 192.0.2.4, cold: true}
governance: {mode: shadow}
tracking: {owned_domains: [discountblog.com, example.net]}
api: {keys: {ann: key-of-ann-with-some-length}}
clock: {anchor_business: 2026-11-02T09:00:00Z, rate: 60}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ignite.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_is_the_defaults() -> None:
    assert load(None, {}) == Settings()


def test_an_empty_file_or_section_is_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, ""), {}) == Settings()
    assert load(written(tmp_path, "bucket:\n"), {"IGNITE_BUCKET__NAME": "other"}).bucket.name == "other"


def test_yaml_fills_the_tree(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD), {})
    assert (settings.bucket.kind, settings.bucket.name, settings.pmta.smtp_port) == ("s3", "lists", 25)
    assert settings.pmta.vmtas == (VmtaSettings("mta1", "192.0.2.1"), VmtaSettings("mta4", "192.0.2.4", True))
    assert settings.governance.mode is Mode.SHADOW
    assert settings.tracking.owned_domains == ("discountblog.com", "example.net")
    assert settings.clock.anchor_business == datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
    assert settings.clock.rate == 60.0


def test_the_environment_wins_and_takes_lists_and_mappings_as_yaml(tmp_path: Path) -> None:
    settings = load(
        written(tmp_path, GOOD),
        {
            "IGNITE_BUCKET__NAME": "from-env",
            "IGNITE_PMTA__SMTP_PORT": "2500",
            "IGNITE_TRACKING__OWNED_DOMAINS": "[a.example, b.example]",
            "IGNITE_API__KEYS": "{bob: key-of-bob-with-some-length}",
            "IGNITE_GOVERNANCE__MODE": "",
            "IGNITE_TEST_DSN": "not a setting",
            "PATH": "/usr/bin",
        },
    )
    assert (settings.bucket.name, settings.pmta.smtp_port) == ("from-env", 2500)
    assert settings.tracking.owned_domains == ("a.example", "b.example")
    assert settings.api.keys == {"bob": "key-of-bob-with-some-length"}
    assert settings.governance.mode is None


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_may_be_set(mode: Mode) -> None:
    assert load(None, {"IGNITE_GOVERNANCE__MODE": mode.value}).governance.mode is mode


WRONG: list[tuple[str, str, str]] = [
    ("an unknown section", "buckte: {name: x}", "buckte: no such setting; do you mean bucket?"),
    ("an unknown key", "bucket: {nmae: x}", "bucket.nmae: no such setting; do you mean name?"),
    ("an unknown key deep down", "pmta: {vmtas: [{name: a, ip: b, cod: true}]}", "pmta.vmtas.0.cod: no such setting"),
    ("a missing key deep down", "pmta: {vmtas: [{name: a}]}", "pmta.vmtas.0.ip: is missing"),
    ("a word for a number", "pmta: {smtp_port: abc}", "pmta.smtp_port: expected a whole number"),
    ("a fraction for a count", "database: {pool_size: 2.5}", "database.pool_size: expected a whole number"),
    ("yes for a number", "database: {pool_size: true}", "database.pool_size: expected a whole number"),
    ("too small", "database: {pool_size: 1}", "database.pool_size: must be >= 2: 1"),
    ("a port out of range", "api: {port: 70000}", "api.port: must be <= 65535: 70000"),
    ("time that runs backwards", "bucket: {poll_seconds: -5}", "bucket.poll_seconds: must be > 0: -5.0"),
    ("not one of the choices", "bucket: {kind: ftp}", "bucket.kind: must be in ('directory', 's3', 'memory')"),
    ("no such mode", "governance: {mode: actt}", "governance.mode: expected one of observe, shadow, approve, act"),
    ("no web address", "tracking: {base_url: 'ftp://x'}", "tracking.base_url: expected an address that begins with"),
    ("a key without a host", "verifier: {url: 'https://'}", "verifier.url: expected an address that begins with"),
    ("a text for a list", "tracking: {owned_domains: discountblog.com}", "tracking.owned_domains: expected a list"),
    ("a text for a mapping", "api: {keys: abc}", "api.keys: expected a mapping"),
    ("a number for a section", "bucket: 5", "bucket: expected a mapping of settings"),
    ("a list for a text", "bucket: {name: [a]}", "bucket.name: expected a text"),
    ("no offset from UTC", "clock: {anchor_business: '2026-01-01T00:00'}", "clock.anchor_business: an instant needs"),
    (
        "a host's unknown key",
        "accounting: {hosts: [{name: a, dirr: x}]}",
        "accounting.hosts.0.dirr: no such setting; do you",
    ),
    ("a host without a log", "accounting: {hosts: [{name: a}]}", "accounting.hosts: hosts.0 (a): give exactly one of"),
    (
        "a host over SSH without keys",
        "accounting: {hosts: [{name: a, dir: x}, {name: b, ssh_host: h}]}",
        "accounting.hosts: hosts.1 (b): ssh_host needs ssh_key and ssh_host_key",
    ),
    (
        "two hosts of a name",
        "accounting: {hosts: [{name: a, dir: x}, {name: a, dir: y}]}",
        "accounting.hosts: hosts.1: the",
    ),
    (
        "a short secret",
        "accounting: {hosts: [{name: a, push_secret: short}]}",
        "accounting.hosts.0: 'push_secret' needs at least",
    ),
    ("a host's odd name", "accounting: {hosts: [{name: a/b, dir: x}]}", "accounting.hosts.0: 'name' must match"),
    ("a webhook that is no address", "alerts: {webhook_url: ftp}", "alerts.webhook_url: "),
    ("not an instant", "clock: {anchor_business: soon}", "clock.anchor_business: "),
]


@pytest.mark.parametrize(("name", "text", "said"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_setting_names_file_and_path(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as told:
        load(path, {})
    assert f"{path}:1: {said}" in str(told.value)


def test_a_wrong_setting_of_a_longer_file_is_told_with_its_line(tmp_path: Path) -> None:
    text = "# mine\npmta:\n  smtp_port: 25\n  vmtas:\n  - {name: a, ip: b}\n  - name: c\n\nbucket:\n  kind: ftp\n"
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as told:
        load(path, {"IGNITE_API__PORT": "0"})
    assert [line.strip().split(": ")[:2] for line in str(told.value).split("\n")[1:]] == [
        [f"{path}:9", "bucket.kind"],
        [f"{path}:6", "pmta.vmtas.1.ip"],  # it is missing: the line of what it is missing from
        ["IGNITE_API__PORT", "api.port"],
    ]


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: [", "", "- 1", "? [x]\n: 1"])
def test_looking_for_lines_ends_whatever_the_document(text: str) -> None:
    assert isinstance(lines_of(text), dict)


def test_a_short_key_is_told_by_whose_it_is_unless_the_name_may_be_the_key(tmp_path: Path) -> None:
    path = written(
        tmp_path, "api: {keys: {ann: key-of-ann-with-some-length, bob: short, a-key-put-for-its-name: carl}}"
    )
    with pytest.raises(BadInput) as told:
        load(path, {})
    assert "api.keys: bob: needs at least 16 characters; number 3: needs at least" in str(told.value)
    assert "a-key-put" not in str(told.value)


def test_all_faults_are_told_at_once_each_with_its_own_place(tmp_path: Path) -> None:
    path = written(tmp_path, "bucket: {kind: ftp, poll_seconds: 0}\nnope: 1\napi: {port: 0}\n")
    with pytest.raises(BadInput) as told:
        load(
            path,
            {
                "IGNITE_PMTA__SSH_PORT": "0",
                "IGNITE_PMTA__VMTAS": "[{name: a}]",
                "IGNITE_BUCKTE__NAME": "x",
                "IGNITE_API__KEYS": "{ann: [",
            },
        )
    lines = {
        line.strip().split(": ")[0] + ": " + line.strip().split(": ")[1] for line in str(told.value).split("\n")[1:]
    }
    assert lines == {
        f"{path}:2: nope",
        f"{path}:1: bucket.kind",
        f"{path}:1: bucket.poll_seconds",
        f"{path}:3: api.port",
        "IGNITE_PMTA__SSH_PORT: pmta.ssh_port",
        "IGNITE_PMTA__VMTAS: pmta.vmtas.0.ip",
        "IGNITE_BUCKTE__NAME: no such setting; do you mean bucket?",
        "IGNITE_API__KEYS: not YAML",
    }


FILES = [
    ("not YAML", b"bucket: {name: [", r"ignite\.yaml:\d+: not YAML"),
    ("a list", b"- a\n- b\n", r"ignite\.yaml: the document must be a mapping"),
    ("latin-1", b"bucket: {name: caf\xe9}", r"ignite\.yaml: not UTF-8"),
]


@pytest.mark.parametrize(("name", "content", "said"), FILES, ids=[row[0] for row in FILES])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / "ignite.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        load(path, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.yaml: cannot be read"):
        load(tmp_path / "gone.yaml", {})


def test_no_error_quotes_a_secret() -> None:
    short = "hunter2"
    with pytest.raises(BadInput) as told:
        load(None, {"IGNITE_TRACKING__SECRET": short, "IGNITE_API__KEYS": "{ann: hunter2}"})
    assert short not in str(told.value)
    assert str(told.value).count("needs at least 16 characters") == 2


def test_the_mask_shows_everything_but_secrets(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD), {"IGNITE_DATABASE__DSN": "postgresql://u:pass-word@db/x"})
    shown = mask(settings)
    assert set(shown) == {field.name for field in attrs.fields(Settings)}
    assert shown["bucket"]["name"] == "lists"
    assert (shown["bucket"]["secret_key"], shown["bucket"]["access_key"]) == ("***", "")
    assert (shown["database"]["dsn"], shown["api"]["keys"]) == ("***", {"ann": "***"})
    assert shown["clock"]["anchor_business"] == "2026-11-02T09:00:00+00:00"
    assert shown["governance"]["mode"] == "shadow"
    assert yaml.safe_load(yaml.safe_dump(shown)) == shown  # plain data: `ignite config` prints it as YAML
    for secret in ("pass-word", "s3cr3t", "key-of-ann"):
        assert secret not in str(shown)
        assert secret not in repr(settings)


def test_a_secret_prints_as_stars() -> None:
    assert f"{Secret('x')!r} {[Secret('x')]}" == "'***' ['***']"
