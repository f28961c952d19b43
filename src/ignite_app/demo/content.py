"""What the demo sends: a campaign of an honest discount blog in two subjects, and a welcome mail.

Content only. The two arms differ in subject and preheader alone, so the test teaches about subjects.
"""

from typing import Any, Final

SITE: Final = "https://discountblog.com"
FROM_NAME: Final = "Discount Blog"
FROM_ADDRESS: Final = "deals@mail.discountblog.com"

_FRAME: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="margin:0;padding:0;background:#f3f1ec;color:#22262b;font-family:Georgia,'Times New Roman',serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f3f1ec"><tr>
<td align="center" style="padding:24px 12px">
<table role="presentation" width="600" cellpadding="0" cellspacing="0"
 style="max-width:600px;width:100%;background:#ffffff;border-radius:10px;overflow:hidden">
<tr><td style="background:#12343b;padding:22px 32px;color:#f7d488;font-size:22px;letter-spacing:.5px">
Discount Blog</td></tr>
{rows}
<tr><td style="padding:20px 32px 28px;font:13px/1.6 Helvetica,Arial,sans-serif;color:#5d6670;
 border-top:1px solid #e6e2d8">You get this mail because you asked us for deals.
<a href="{{{{unsubscribe_url}}}}" style="color:#12343b">Unsubscribe</a> with one click, at any time.<br>
Discount Blog, 12 Example Street, Springfield</td></tr>
</table></td></tr></table></body></html>
"""
_TEXT: Final = '<tr><td style="padding:{top}px 32px 0;font-size:{size}px;line-height:1.55">{text}</td></tr>'
_DEAL: Final = """<tr><td style="padding:18px 32px 0">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"
 style="border:1px solid #e6e2d8;border-radius:8px"><tr><td style="padding:16px 18px;font-size:17px;line-height:1.45">
<strong>{name}</strong><br><span style="color:#5d6670;font-size:15px">{what}</span></td>
<td align="right" style="padding:16px 18px;white-space:nowrap"><span style="color:#8a929b;font-size:14px">
<s>{before}</s></span><br>
<a href="{href}" style="color:#a8441f;font-size:20px;font-weight:bold;text-decoration:none">{now}</a>
</td></tr></table></td></tr>"""
_BUTTON: Final = """<tr><td align="center" style="padding:26px 32px 30px"><a href="{href}" style="display:inline-block;
 background:#a8441f;color:#ffffff;padding:13px 30px;border-radius:6px;font:bold 16px Helvetica,Arial,sans-serif;
 text-decoration:none">{text}</a></td></tr>"""

DEALS: Final = (
    ("Cast-iron pan, 28 cm", "Pre-seasoned; we cooked on it for a month", "$54", "$35", "pan"),
    ("Merino base layer", "Last winter's colour, same wool", "$80", "$48", "merino"),
    ("E-reader, 7 inch", "Refurbished by the maker, two years of warranty", "$179", "$119", "e-reader"),
)


def _november(site: str) -> str:
    rows = [
        _TEXT.format(top=28, size=26, text="Hello {{first_name}}, three prices we checked by hand"),
        _TEXT.format(
            top=10,
            size=17,
            text="We followed these prices for ninety days. Each is the lowest we saw, and none was raised first.",
        ),
    ]
    rows += [
        _DEAL.format(name=name, what=what, before=before, now=now, href=f"{site}/deals/{slug}")
        for name, what, before, now, slug in DEALS
    ]
    rows.append(_BUTTON.format(href=f"{site}/deals", text="See all of this week's deals"))
    return _FRAME.format(title="Three prices we checked", rows="\n".join(rows))


def _welcome(site: str) -> str:
    rows = [
        _TEXT.format(top=28, size=26, text="Welcome {{first_name}}, good to have you here"),
        _TEXT.format(
            top=10,
            size=17,
            text="One mail a week, never more than three deals in it, and every price followed for ninety days. "
            f'How we check prices is <a href="{site}/how-we-check" style="color:#a8441f">written down here</a>.',
        ),
        _BUTTON.format(href=f"{site}/start", text="Start with our favourites"),
    ]
    return _FRAME.format(title="Welcome", rows="\n".join(rows))


def campaign(batch_per_min: int, site: str = SITE) -> dict[str, Any]:
    """The body of `POST /api/v1/campaigns`: everyone, two subjects. `site` is the landing site, port included."""
    html = _november(site)
    return {
        "name": "Three prices we checked",
        "from_name": FROM_NAME,
        "from_address": FROM_ADDRESS,
        "landing_url": f"{site}/deals",
        "element": "subject",
        "audience": {},
        "batch_per_min": batch_per_min,
        "variants": [
            {
                "name": "A",
                "subject": "Three prices we followed for ninety days",
                "preheader": "The lowest we saw, and none was raised first.",
                "html": html,
                "weight": 1,
            },
            {
                "name": "B",
                "subject": "{{first_name}}, the pan is $19 less than in October",
                "preheader": "Two more prices at their ninety-day low.",
                "html": html,
                "weight": 1,
            },
        ],
    }


def welcome(site: str = SITE) -> dict[str, Any]:
    """A `CampaignDraft` as a dictionary, kind `flow`: the mail of the welcome flow."""
    return {
        "name": "Welcome",
        "kind": "flow",
        "from_name": FROM_NAME,
        "from_address": FROM_ADDRESS,
        "landing_url": f"{site}/start",
        "element": "body",
        "audience": {},
        "batch_per_min": 6000,
        "variants": [
            {
                "name": "A",
                "subject": "Welcome to Discount Blog",
                "preheader": "One mail a week, three deals, checked prices.",
                "html": _welcome(site),
                "weight": 1,
            }
        ],
    }


def welcome_flow(*, short: bool, site: str = SITE) -> dict[str, Any]:
    """The body of `POST /api/v1/flows`: a welcome for one in twenty of the newly verified; `short` waits less."""
    return {
        "name": "Welcome",
        "mail": welcome(site),
        "share": 5,
        "steps": [
            {"kind": "wait", "minutes": 10},
            {"kind": "send"},
            {"kind": "wait", "minutes": 40 if short else 120},
            {"kind": "condition", "event": "clicked"},
        ],
    }
