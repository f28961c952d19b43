"""What column headers mean, in the words of the exports that people upload. Tables only.

A header is compared in folded form (`fold`): accents off, lower case, letters and digits alone.
Collected from the export formats of common mail platforms, CRM systems and address books; languages:
English, German, French, Spanish, Portuguese, Italian, Dutch, Nordic, Polish, Czech, Finnish, Hungarian,
Turkish, Greek, Russian, Ukrainian, Chinese, Japanese, Korean, Arabic.
"""

import re
import unicodedata
from typing import Final

_NOT_WORD: Final = re.compile(r"[\W_]+")


def fold(header: str) -> str:
    """Return the form in which headers and words of file names are compared.

    >>> fold(" E-Mail Adresse ")
    'emailadresse'
    """
    text = unicodedata.normalize("NFKD", header.strip("\ufeff \t\"'"))
    text = "".join(char for char in text if not unicodedata.combining(char))
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", text).casefold())


def _folded(words: str) -> tuple[str, ...]:
    return tuple(fold(word) for word in words.split("|"))


EMAIL: Final = _folded(
    "email|e-mail|email address|email addr|emailid|plaintextemail|subscriber email|contact email|user email|"
    "customer email|primary email|person email|work email|email 1|e-mail 1 - value|email1value|email (work)|"
    "electronic mail|mail address|"
    "E-Mail-Adresse|Mailadresse|Mail Adresse|"
    "courriel|adresse email|adresse e-mail|adresse mail|adresse courriel|adresse electronique|e-mel|mel|"
    "correo|correo electronico|direccion de correo|direccion de correo electronico|direccion email|"
    "correo-e|endereco de email|endereco email|endereco de e-mail|correio eletronico|"
    "indirizzo email|indirizzo e-mail|indirizzo mail|posta elettronica|indirizzo di posta elettronica|"
    "e-mailadres|emailadres|mailadres|e-post|e-postadress|e-postadresse|epostadresse|mailadresse|"
    "sahkoposti|sahkopostiosoite|adres e-mail|adres email|adres poczty elektronicznej|e-mailova adresa|"
    "emailova adresa|email cim|e-mail cim|eposta|e-posta|e-posta adresi|"
    "ηλεκτρονικη διευθυνση|διευθυνση email|"
    "почта|эл почта|электронная почта|адрес электронной почты|эл адрес|емейл|имейл|электронная пошта|"
    "електронна пошта|"
    "电子邮件|电子邮箱|邮箱|邮箱地址|电子邮件地址|電子郵件|メール|メールアドレス|Eメール|이메일|이메일 주소|전자우편|"
    "البريد الإلكتروني|بريد إلكتروني"
)
"""Headers that name the address column whatever stands in it, best first."""

EMAIL_IF_FILLED: Final = _folded("mail|address|adresse|direccion|rcpt|recipient|to|login|username|user name")
"""Headers that name it only where addresses stand below; `address` is a street more often than not."""

MD5: Final = _folded(
    "md5|email md5|md5 email|md5 hash|md5_hash|email_hash|hash|hashed email|email hash md5|md5hash email|"
    "emailmd5hash|hem"
)

FIRST_NAME: Final = _folded(
    "first name|firstname|fname|first|given name|givenname|forename|merge fname|contact first name|vorname|"
    "prenom|nombre|primer nombre|nombres|nome|primeiro nome|voornaam|fornavn|fornamn|etunimi|imie|jmeno|"
    "keresztnev|isim|ad|ονομα|имя|ім'я|名|名字|이름"
)
LAST_NAME: Final = _folded(
    "last name|lastname|lname|last|surname|family name|familyname|merge lname|contact last name|nachname|"
    "familienname|nom|nom de famille|apellido|apellidos|cognome|sobrenome|apelido|achternaam|etternavn|"
    "efternavn|efternamn|sukunimi|nazwisko|prijmeni|vezeteknev|soyad|soyadi|soyisim|επωνυμο|фамилия|"
    "прізвище|姓|성"
)

STATUS: Final = frozenset(
    _folded(
        "status|email status|mail status|subscription status|subscriber status|subscriber state|member status|"
        "contact status|list status|marketing status|email marketing status|email marketing consent|"
        "ongage status|delivery status|abostatus|abo status|statut|estado|stato|situacao|статус"
    )
)
"""Columns whose words may say that someone left."""

SAYS_NO: Final = frozenset(
    _folded(
        "unsubscribed|is unsubscribed|unsub|unsubscribe|unsubscribed at|unsubscribe date|date unsubscribed|"
        "unsub date|unsub time|unsub_reason|unsubscribe reason|unsubscribed from all email|"
        "global unsubscribe|opt out|opted out|email opt out|email opt-out|has opted out of email|optout date|"
        "optout time|opt out date|opt out reason|optout reason|do not email|do not mail|do not contact|dnc|"
        "donotemail|bounced|is bounced|hard bounced|bounce|bounce type|bounce cat|bounce reason|bounce code|"
        "bounce date|complained|complaint|complaint type|complaint date|spam complaint|feedback type|"
        "suppressed|suppress reason|suppression reason|suppressed at|blocked|block reason|blacklisted|cleaned|"
        "clean time|abgemeldet|abmeldedatum|desabonne|desinscrit|dado de baja|fecha de baja|disiscritto|"
        "cancellato|afgemeld|avregistrerad|descadastrado|отписан"
    )
)
"""Columns that say no where they are filled with anything but a no or a zero."""

SAYS_YES: Final = frozenset(
    _folded(
        "subscribed|is subscribed|opt in|opted in|email opt in|email opt-in|accepts marketing|"
        "accepts email marketing|email consent|marketing consent|consent|mailable|is mailable|abonniert|abonne|"
        "suscrito|iscritto|подписан"
    )
)
"""Columns that say no where they are filled with a no or a zero."""

NO_WORDS: Final = frozenset(
    _folded(
        "unsubscribed|unsubscribe|unsub|opt out|opted out|optout|cleaned|bounced|bounce|hard bounce|"
        "hard bounced|hardbounced|complained|complaint|complainer|spam|spam complaint|abuse|blacklisted|"
        "blocked|blocklisted|suppressed|suppression|do not mail|do not email|do not contact|removed|"
        "globally unsubscribed|global unsub|abgemeldet|desabonne|desinscrit|baja|dado de baja|cancelado|"
        "disiscritto|afgemeld|avregistrerad|descadastrado|отписан|отписался"
    )
)
YES_WORDS: Final = frozenset(
    _folded(
        "subscribed|subscriber|active|confirmed|opt in|opted in|optin|mailable|valid|deliverable|ok|enabled|"
        "abonniert|abonne|activo|suscrito|iscritto|подписан"
    )
)
FALSY: Final = frozenset(
    (*_folded("0|false|f|no|n|off|none|null|nil|na|n/a|never|nein|non|nao|нет|00000000|00000000000000"), "")
)
