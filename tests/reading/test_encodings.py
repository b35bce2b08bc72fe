"""Encodings: Unicode in every form, code pages told apart by what is plausible, and data that is no text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import InputError
from magical.reading.encodings import decode_text
from projects import is_well_worded

TABLE = "Ort;Wert\nKöln;1\nŁódź;2\n東京;3\nМосква;4\n"
MARKED = ["utf-8-sig", "utf-16", "utf-32"]
UNMARKED = ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=2))
def test_utf8_and_utf16_decode_to_the_same(text: str) -> None:
    text = text.removeprefix("\ufeff")
    for codec in MARKED:
        assert decode_text(text.encode(codec), "t.csv").text == text.encode()


@pytest.mark.parametrize("codec", [*MARKED, *UNMARKED])
@pytest.mark.parametrize("text", [TABLE, "город;n\nМосква;1\nКазань;2\n", "城市,n\n北京,1\n上海,2\n"])
def test_unicode_is_read_with_and_without_a_mark(text: str, codec: str) -> None:
    decoded = decode_text(text.encode(codec), "t.csv")
    assert (decoded.text.decode(), decoded.remark) == (text, "")
    assert decoded.encoding[:5] == codec[:5]


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-32-be"])
def test_the_mark_tells_the_order_of_bytes(codec: str) -> None:
    assert decode_text(("\ufeff" + TABLE).encode(codec), "t.csv").text.decode() == TABLE


@pytest.mark.parametrize(
    ("codec", "text", "title"),
    [
        ("cp1252", "name;city\nMüller;Köln\nJosé;Bogotá\n", "Windows-1252"),
        ("cp1252", "nom,prénom\nDupont,Éric\nLefèvre,Zoë\n", "Windows-1252"),
        ("cp1252", "id,price\n1,5 €\n2,7 €\n", "Windows-1252"),
        ("cp1252", "a\n£5\n£7\n", "Windows-1252"),
        ("cp1252", "q;n\nWhat’s “up” – ok;5 °C\n", "Windows-1252"),
        ("cp1252", "n\nMüller\nNúñez\nZoë\nÅse\nØrsted\nÇelik\n", "Windows-1252"),
        ("cp1252", "nafn\nÞór\nSigurður\nGuðrún\n", "Windows-1252"),
        ("cp1252", "STRAßE,x\nHÖFLE,MÜLLER\n", "Windows-1252"),
        ("mac-roman", "nom;n\nGarçon;1\nÉlève;2\nFrançois;3\nHélène;4\n", "Mac Roman"),
        ("cp850", "nom;n\nGarçon;1\nÉlève;2\nFrançois;3\nHélène;4\n", "DOS 850"),
        ("iso8859-15", "id,price\n1,5 €\n2,7 €\n", "ISO 8859-15"),
        ("cp1250", "jméno;město\nDvořák;Plzeň\nNovák;Příbram\n", "Windows-1250"),
        ("cp1250", "imię,miasto\nŁukasz,Łódź\nMałgorzata,Kraków\n", "Windows-1250"),
        ("cp1250", "név,város\nKovács,Győr\nSzűcs,Pécs\n", "Windows-1250"),
        ("cp1250", "ime\nŽeljko\nĐorđe\nČačak\n", "Windows-1250"),
        ("iso8859-2", "imię,miasto\nŁukasz,Łódź\nŻaneta,Świdnica\n", "ISO 8859-2"),
        ("cp1251", "имя;город\nИван;Москва\nАнна;Санкт-Петербург\n", "Windows-1251"),
        ("cp1251", "id,город\n1,Москва\n", "Windows-1251"),
        ("koi8-r", "имя;город\nИван;Москва\nАнна;Санкт-Петербург\n", "KOI8-R"),
        ("cp866", "имя;город\nИван;Москва\nАнна;Санкт-Петербург\n", "DOS 866"),
        ("mac-roman", "name;city\nMüller;Köln\nJosé;Bogotá\n", "Mac Roman"),
        ("mac-roman", "nom\nÉric\nFrançois\nHélène\n", "Mac Roman"),
        ("cp850", "name;city\nMüller;Köln\nSão Paulo;Ørsted\n", "DOS 850"),
        ("cp1253", "όνομα,πόλη\nΓιώργος,Αθήνα\n", "Windows-1253"),
        ("cp1254", "isim,şehir\nAyşe,İstanbul\nÇağlar,Eskişehir\n", "Windows-1254"),
        ("cp1255", "שם,עיר\nדוד,ירושלים\nשרה,תל אביב\nמשה,חיפה\n", "Windows-1255"),
        ("cp932", "名前,都市\n田中,東京\n鈴木,大阪\n", "Shift JIS"),
        ("gb18030", "姓名,城市\n王伟,北京\n李娜,上海\n", "GB 18030"),
        ("cp949", "이름,도시\n김철수,서울\n이영희,부산\n박민수,인천\n", "Korean"),
    ],
)
def test_a_code_page_is_told_by_what_is_plausible(codec: str, text: str, title: str) -> None:
    decoded = decode_text(text.encode(codec), "t.csv")
    assert decoded.text.decode() == text
    assert (
        f"t.csv is not UTF-8 (byte {_first_high_byte(text.encode(codec))}): it is read as {title}"
        in decoded.remark
    )


def _first_high_byte(data: bytes) -> int:
    return next(place for place, byte in enumerate(data) if byte > 127)


def test_the_remark_shows_a_word_in_both_readings() -> None:
    polish = "miasto;n\nŁódź;1\nGdańsk;2\nWrocław;3\n".encode("cp1250")
    assert decode_text(polish, "t.csv").remark == (
        "t.csv is not UTF-8 (byte 9): it is read as Windows-1250: 'Łódź'; as Windows-1252 it would be '£ódŸ'."
    )


def test_a_word_that_two_pages_make_plausible_is_shown_in_both() -> None:
    remark = decode_text("imię\n1\n".encode("cp1250"), "t.csv").remark
    assert "'imiê'" in remark
    assert "Windows-1250 it would be 'imię'" in remark


@pytest.mark.parametrize("codec", ["utf-8", "cp1250", "shift_jis", "utf-16-le", "UTF_32"])
def test_the_named_encoding_wins(codec: str) -> None:
    text = "a;b\nx;東京\n" if codec == "shift_jis" else "a;b\nż;1\n"
    decoded = decode_text(text.encode(codec), "t.csv", codec)
    assert (decoded.text.decode(), decoded.remark) == (text, "")
    # cp1252 makes something else of the same bytes, and is believed too.
    assert decode_text(b"\xc5\xbc;1\n", "t.csv", "cp1252").text.decode() == "Å¼;1\n"


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        ("a;b\nKöln;1\n".encode("latin-1"), "utf-8", ["not in utf-8", "byte 5 (line 2)", r"b'\xf6'"]),
        (b"a;b\n\x81;1\n", "cp1252", ["not in cp1252", "byte 4 (line 2)"]),
        (b"a;b\n1;2\n", "cp1522", ["no encoding 'cp1522'", "did you mean 'cp1252'"]),
        (b"a;b\n1;2\n", "hex", ["no encoding 'hex'"]),
        (b"a;b\n1;2\n3", "utf-16", ["not in utf-16"]),
        (
            "n\nMüller\nJosé\nKöln\n".encode() + b"Z\xfcrich\n",
            None,
            ["in UTF-8, but byte 23 (line 5)", r"b'\xfc'"],
        ),
        ("n\nمرحبا\nالسلام عليكم\n".encode("cp1256"), None, ["no usual encoding", "Reading(encoding="]),
        (b"a;b\n1;2\n3;\x00\n4;5\n", None, ["NUL byte in line 3"]),
        ("a;b\n1;2\n3;\0\n4;5\n".encode("utf-16"), None, ["NUL byte in line 3"]),
        (b"\xff\xfea\0,\0b\0\n\0\0", None, ["begins as UTF-16", "byte 8"]),
        (b"SQLite format 3\0" + b"\0" * 80, None, ["SQLite database"]),
    ],
)
def test_data_that_does_not_fit_is_refused_with_its_place(
    data: bytes, encoding: str | None, said: list[str]
) -> None:
    with pytest.raises(InputError, match=r"t\.csv") as error:
        decode_text(data, "t.csv", encoding)
    assert is_well_worded(str(error.value))
    assert all(words in str(error.value) for words in said), str(error.value)
