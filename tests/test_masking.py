"""Secrets are masked in every form that a text may have."""

import base64
import html
import io
import json
import re
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import magical.masking
from magical.errors import MagicalError, shorten
from magical.events import LogLine
from magical.masking import MaskedStream, mask, mask_values, register_secret

pytestmark = pytest.mark.usefixtures("nothing_hidden")

HARD = "p@ss/w\"ö rd\\x~1+2&<'%=?"
FORMS = {
    "plain": str,
    "repr": repr,
    "in a list": lambda v: repr([v]),
    "url": quote,
    "url, slashes too": lambda v: quote(v, safe=""),
    "url, lower case": lambda v: quote(v, safe="").replace("%C3%B6", "%c3%b6").replace("%2F", "%2f"),
    "form": quote_plus,
    "json": json.dumps,
    "json, not ascii": lambda v: json.dumps(v, ensure_ascii=False),
    "json in json": lambda v: json.dumps(json.dumps({"password": v})),
    "html": html.escape,
    "cut": lambda v: v[:12] + "…",
    "cut with dots": lambda v: v[:10] + "...",
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64 with a user": lambda v: base64.b64encode(b"user:" + v.encode()).decode(),
    "base64 with another": lambda v: base64.urlsafe_b64encode(b"me:" + v.encode() + b";").decode(),
    "hexadecimal": lambda v: v.encode().hex(),
    "hexadecimal, capital": lambda v: v.encode().hex().upper(),
    "hexadecimal with a user": lambda v: f"user:{v};".encode().hex(),
    "hexadecimal, spaces": lambda v: v.encode().hex(" "),
    "hexadecimal, colons": lambda v: v.encode().hex(":").upper(),
    "hexadecimal, groups": lambda v: v.encode().hex("-", 2),
    "hexadecimal, an array": lambda v: "0x" + v.encode().hex(",").replace(",", ", 0x"),
    "all bytes escaped": lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()),
    "all bytes escaped, in json": lambda v: json.dumps("".join(f"\\x{byte:02X}" for byte in v.encode())),
    "all bytes escaped, url": lambda v: "".join(f"%{byte:02x}" for byte in v.encode()),
    "bytes": lambda v: repr(v.encode()),
    "bytes in json": lambda v: json.dumps(repr(v.encode())),
    "escaped as Python does": ascii,
    "json, capital": lambda v: re.sub(r"\\u(....)", lambda m: rf"\u{m[1].upper()}", json.dumps(v)),
    "a line of a journal": lambda v: json.dumps(LogLine(step="a", text=repr(v)).to_json()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [HARD, "tiger-in-the-tank", "ÄÖ ü日本語-schlüssel"])
def test_every_form_is_found(form: str, value: str) -> None:
    text = FORMS[form](value)
    register_secret(value)
    shown = mask(f"before {text} after")
    assert text not in shown
    assert value[:8] not in shown
    assert "***" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@given(st.text(min_size=4, max_size=30), st.text(max_size=10), st.text(max_size=10))
def test_no_hidden_text_comes_through(value: str, before: str, after: str) -> None:
    magical.masking._hidden.clear()
    register_secret(value)
    if value not in before and value not in after and value not in "***":
        assert value not in mask(f"{before}{value}{after}").replace("***", "\0")


def test_lines_of_a_long_secret_are_found_alone() -> None:
    register_secret(
        "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----\n"
    )
    assert mask("  MIIEvQIBADANBgkqhkiG9w0B") == "  ***"


def test_a_secret_that_is_no_unicode_text_is_masked() -> None:
    register_secret("tank-\udcff-tiger")
    assert mask("tank-\udcff-tiger tank-%ED%B3%BF-tiger") == "*** ***"


@pytest.mark.parametrize("write", [bytes.hex, lambda data: data.hex(":"), lambda data: data.hex(" ").upper()])
def test_all_of_a_long_secret_is_masked_in_hexadecimal(write: Callable[[bytes], str]) -> None:
    key = "".join(f"{i * i:x}" for i in range(100))
    register_secret(key)
    assert mask(f"<{write(key.encode())}>") == "<***>"


def test_numbers_are_no_short_secret_in_hexadecimal() -> None:
    register_secret("1234")
    assert mask("[31 32 33 34], 31,32,33,34, 31:32:33:34") == "[31 32 33 34], 31,32,33,34, 31:32:33:34"
    assert mask("31323334 \\x31\\x32\\x33\\x34") == "*** \\x***"


def test_the_longer_of_two_secrets_is_masked_as_one() -> None:
    register_secret("tiger")
    register_secret("tiger-in-the-tank")
    assert mask("tiger-in-the-tank tiger") == "*** ***"


def test_short_secrets_are_left() -> None:
    register_secret("abc")
    register_secret("")
    assert mask("abc") == "abc"


URIS = {
    "postgresql://me:tiger@db:5432/sales": "postgresql://me:***@db:5432/sales",
    "redis://:tiger@cache": "redis://:***@cache",
    "mysql+pymysql://me:ti/g@r@db/sales": "mysql+pymysql://me:***@db/sales",
    "http://me:12345@host": "http://me:***@host",
    "see https://a:b@c, https://d:e@f": "see https://a:***@c, https://d:***@f",
    "http://host:80/path?mail=a@b.c": "http://host:80/path?mail=a@b.c",
    "http://host:8080 write to a@b.c": "http://host:8080 write to a@b.c",
    "https://host/me:tiger@x": "https://host/me:tiger@x",
    "me:tiger@host": "me:tiger@host",
    "https://h/x?a=1&sig=ti%2Bger&b=2": "https://h/x?a=1&sig=***&b=2",
    "see 'https://h/x?X-Amz-Security-Token=tiger', or https://h": (
        "see 'https://h/x?X-Amz-Security-Token=***', or https://h"
    ),
    "http://h/x?design=2&tokens=3&key=4": "http://h/x?design=2&tokens=3&key=4",
    "x?token=tiger": "x?token=tiger",
}


@pytest.mark.parametrize("uri", URIS)
def test_passwords_in_uris_are_masked(uri: str) -> None:
    assert mask(uri) == URIS[uri]
    assert mask(mask(uri)) == URIS[uri]


def test_masking_takes_no_time_even_on_odd_texts() -> None:
    register_secret("tiger-in-the-tank")
    began = time.process_time()
    for text in (
        "a" * 1_000_000,
        "x://u:" * 20_000,
        "tiger-in" * 100_000,
        "://" + "a:" * 200_000,
        "://" + "?a." * 200_000,
    ):
        mask(text)
    assert time.process_time() - began < 5


def test_values_inside_others_are_masked() -> None:
    register_secret("tiger")
    assert mask_values({"tiger": ["a tiger", ("tiger", 1)], "n": 2}) == {
        "tiger": ["a ***", ("***", 1)],
        "n": 2,
    }


def test_errors_are_masked_before_they_are_cut() -> None:
    register_secret("tiger-in-the-tank" * 3)
    text = "x" * 230 + "tiger-in-the-tank" * 3
    error = MagicalError(text, hint=text)
    assert "tiger" not in str(error) + repr(error)
    assert "tiger" not in shorten("tiger-in-the-tank" * 3, 30)


def test_streams_are_masked_and_stay_streams() -> None:
    register_secret("tiger")
    below = io.StringIO()
    stream = MaskedStream.wrap(below)
    print("a", "tiger", file=stream)
    stream.writelines(["tiger\n"])
    assert stream.write("tiger") == 5
    assert below.getvalue() == "a ***\n***\n***"
    assert not stream.isatty()
    assert MaskedStream.wrap(stream) is stream
