"""The canonical form, and why a text has none."""

from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.subscribers import AddressFault, BadAddress, EmailAddress, canonical, hash_of, md5_in

GOOD = [
    ("a@b.com", "a@b.com"),
    ("MARY.SMITH@SakilaCustomer.ORG", "mary.smith@sakilacustomer.org"),
    ("  x@y.zz\t", "x@y.zz"),
    ("\ufeffx@y.zz", "x@y.zz"),
    ('"x@y.zz"', "x@y.zz"),
    ("mailto:x@y.zz", "x@y.zz"),
    ("Ann Lee <ann.lee@example.com>", "ann.lee@example.com"),
    ("<ann@example.com>", "ann@example.com"),
    ("o'brien@example.ie", "o'brien@example.ie"),
    ("a+tag.b_c-d@sub.example.co.uk", "a+tag.b_c-d@sub.example.co.uk"),
    ("x@3com.com", "x@3com.com"),
    # A-labels from RFC 5891-era registrations: bücher -> xn--bcher-kva (RFC 3492 §7 style), faß -> xn--fa-hia
    # (the IDNA2008 answer; IDNA2003 would have said fass).
    ("leser@Bücher.example", "leser@xn--bcher-kva.example"),
    ("x@faß.de", "x@xn--fa-hia.de"),
    ("x@bücher。example", "x@xn--bcher-kva.example"),
]
BAD = [
    ("", AddressFault.EMPTY),
    (' ""  ', AddressFault.EMPTY),
    ("nobody", AddressFault.SYNTAX),
    ("@example.com", AddressFault.SYNTAX),
    ("a@@example.com", AddressFault.SYNTAX),
    ("a@b@example.com", AddressFault.SYNTAX),
    ("a b@example.com", AddressFault.SYNTAX),
    (".a@example.com", AddressFault.SYNTAX),
    ("a.@example.com", AddressFault.SYNTAX),
    ("a..b@example.com", AddressFault.SYNTAX),
    ("a@x.de, b@x.de", AddressFault.SYNTAX),
    ("a@example", AddressFault.DOMAIN),
    ("a@", AddressFault.DOMAIN),
    ("a@-example.com", AddressFault.DOMAIN),
    ("a@exam_ple.com", AddressFault.DOMAIN),
    ("a@example..com", AddressFault.DOMAIN),
    ("a@[192.0.2.1]", AddressFault.DOMAIN),
    ("a@192.0.2.1", AddressFault.DOMAIN),
    ("a@☃.example", AddressFault.DOMAIN),
    ("a" * 65 + "@example.com", AddressFault.TOO_LONG),
    ("a@" + ".".join(["b" * 60] * 5) + ".com", AddressFault.TOO_LONG),
    ("stanisław.wójcik@wp.pl", AddressFault.SMTPUTF8),
    ("用户@例子.example", AddressFault.SMTPUTF8),
]


@pytest.mark.parametrize(("text", "address"), GOOD)
def test_a_good_address_has_one_canonical_form(text: str, address: str) -> None:
    assert canonical(text) == address


@pytest.mark.parametrize(("text", "fault"), BAD)
def test_a_bad_address_names_its_fault(text: str, fault: AddressFault) -> None:
    assert canonical(text) is fault


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_a_fault_and_the_canonical_form_is_stable(text: str) -> None:
    value = canonical(text)
    if isinstance(value, AddressFault):
        return
    assert canonical(value) == value
    assert value.isascii()
    assert value == value.lower()
    assert len(value) <= 254


LOCAL = st.from_regex(r"[A-Za-z0-9!#$%&*+/=?^_{|}~-]{1,20}(\.[A-Za-z0-9+-]{1,20}){0,2}", fullmatch=True)
DOMAIN = st.from_regex(r"([A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?\.){1,3}[A-Za-z]{2,8}", fullmatch=True)


@given(LOCAL, DOMAIN)
def test_every_dot_atom_at_a_host_name_is_accepted(local: str, domain: str) -> None:
    assert canonical(f"{local}@{domain}") == f"{local}@{domain}".lower()


def test_the_hash_is_the_md5_of_the_lower_case_address() -> None:
    address = EmailAddress.parse("Ann.Lee@Example.com")
    assert address.md5 == md5(b"ann.lee@example.com").hexdigest() == hash_of(str(address))
    assert address.domain == "example.com"


def test_neither_repr_nor_error_shows_the_address() -> None:
    assert "ann" not in repr(EmailAddress.parse("ann@example.com"))
    with pytest.raises(BadAddress) as caught:
        EmailAddress.parse("ann at example")
    assert "ann" not in str(caught.value)
    assert caught.value.fault is AddressFault.SYNTAX


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"),
        (' "d41d8cd98f00b204e9800998ecf8427e" ', "d41d8cd98f00b204e9800998ecf8427e"),
        ("d41d8cd98f00b204e9800998ecf8427", None),
        ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", None),
        ("a@b.com", None),
    ],
)
def test_md5_hashes_are_told_from_everything_else(text: str, digest: str | None) -> None:
    assert md5_in(text) == digest
