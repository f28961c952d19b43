"""Encodings, delimiters, headers: how a file is laid out."""

import gzip

import pytest

from ignite_domain.imports import BadFile, FileFault, RowReader, read_layout

TABLE = "Vorname{d}Name{d}E-Mail\r\nJörg{d}Müller{d}joerg@x.example\r\nZoë{d}Weiß{d}zoe@x.example\r\n"


def rows_of(data: bytes) -> list[list[str]]:
    layout = read_layout(data, whole=True)
    reader = RowReader(layout)
    return [record.cells or [] for record in (*reader.feed(data), *reader.finish())]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_every_encoding_and_delimiter_gives_the_same_rows(encoding: str, delimiter: str) -> None:
    data = TABLE.format(d=delimiter).encode(encoding)
    layout = read_layout(data, whole=True)
    assert layout.delimiter == delimiter
    assert layout.columns.key_column == "E-Mail"
    assert rows_of(data) == [["Jörg", "Müller", "joerg@x.example"], ["Zoë", "Weiß", "zoe@x.example"]]


def test_gzip_with_several_members_reads_like_the_plain_file() -> None:
    plain = TABLE.format(d=",").encode()
    assert rows_of(gzip.compress(plain[:30]) + gzip.compress(plain[30:])) == rows_of(plain)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", FileFault.EMPTY),
        (b" \r\n\n", FileFault.EMPTY),
        (b"\xef\xbb\xbf", FileFault.EMPTY),
        (gzip.compress(b"", mtime=0), FileFault.EMPTY),
        (b"PK\x03\x04rest of a spreadsheet", FileFault.BINARY),
        (bytes(range(256)) * 20, FileFault.BINARY),
        (b"email\x00\x00\x01,a@x.example", FileFault.BINARY),
        (b"id,colour\n1,red\n", FileFault.NO_ADDRESS_COLUMN),
        (b"just some prose\nwithout any table\n", FileFault.NO_ADDRESS_COLUMN),
        (b"email,name\n", FileFault.NO_ROWS),
        (gzip.compress(b"email\n" + b"a@x.example\n" * 99, mtime=0)[:-12], FileFault.CORRUPT_GZIP),
        (b"\x1f\x8bnonsense that is no gzip", FileFault.CORRUPT_GZIP),
    ],
)
def test_what_cannot_be_imported_says_why(data: bytes, fault: FileFault) -> None:
    with pytest.raises(BadFile) as caught:
        read_layout(data, whole=True)
    assert caught.value.fault is fault


HEADERS = [
    ("email", "email"),
    ("Email Address,First Name,Last Name", "Email Address"),
    ("EMAIL_ADDRESS,FNAME,LNAME", "EMAIL_ADDRESS"),
    ("E-Mail-Adresse;Vorname;Nachname", "E-Mail-Adresse"),
    ("Nom;Prénom;Adresse e-mail", "Adresse e-mail"),
    ("Nombre,Apellidos,Correo electrónico", "Correo electrónico"),
    ("Nome,Cognome,Indirizzo email", "Indirizzo email"),
    ("Förnamn,Efternamn,E-post", "E-post"),
    ("Imię,Nazwisko,Adres e-mail", "Adres e-mail"),
    ("Имя,Фамилия,Электронная почта", "Электронная почта"),
    ("姓,名,メールアドレス", "メールアドレス"),
    ("名字,电子邮件", "电子邮件"),
    ("Given Name,Surname,E-mail 1 - Value", "E-mail 1 - Value"),
    ("SubscriberID,PlaintextEmail,EmailDomainGroup", "PlaintextEmail"),
    ("type,rcpt,bounceCat", "rcpt"),
    ("id,Kontakt (Mail)", "Kontakt (Mail)"),
]


@pytest.mark.parametrize(("header", "column"), HEADERS)
def test_headers_of_many_exports_name_the_address_column(header: str, column: str) -> None:
    delimiter = ";" if ";" in header else ","
    names = header.split(delimiter)
    row = delimiter.join("a@x.example" if name == column else "x" for name in names)
    layout = read_layout(f"{header}\n{row}\n".encode(), whole=True)
    assert layout.columns.key_column == column


def test_names_are_mapped_and_the_rest_become_attributes() -> None:
    layout = read_layout("Prénom,Nom,Courriel,Ville\nZoé,Roy,z@x.example,Lyon\n".encode(), whole=True)
    assert layout.columns.mapping == {
        "Prénom": "first_name",
        "Nom": "last_name",
        "Courriel": "email",
        "Ville": "attribute",
    }


def test_a_street_column_called_address_is_not_the_address_column() -> None:
    layout = read_layout(b"Address,Email\n1 High St,a@x.example\n", whole=True)
    assert layout.columns.key_column == "Email"
    assert read_layout(b"Address,Risk\na@x.example,low\n", whole=True).columns.key_column == "Address"


def test_a_file_without_header_is_read_from_its_first_line() -> None:
    data = b"Ann,a@x.example\nBob,b@x.example\n"
    assert read_layout(data, whole=True).columns.header == ()
    assert len(rows_of(data)) == 2
    assert rows_of(b"Ann,a@x\nBob,b@x.example\n")[0] == ["Ann", "a@x"]


def test_excels_separator_line_is_honoured() -> None:
    assert rows_of(b"sep=;\r\nemail;name\r\na@x.example;Lee, Ann\r\n") == [["a@x.example", "Lee, Ann"]]


def test_commas_inside_names_do_not_win_over_semicolons() -> None:
    data = b"Name;Email\n" + b"".join(b"Lee, Ann %d;a%d@x.example\n" % (n, n) for n in range(9))
    assert read_layout(data, whole=True).delimiter == ";"
