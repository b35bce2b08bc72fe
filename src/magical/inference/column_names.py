"""What the name of a column tells of it, and which name it gets in a contract."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from magical.contracts.contract import Contract
from magical.contracts.schema import to_snake_case

__all__ = [
    "class_name",
    "field_names",
    "has_word_kind",
    "is_entity_name",
    "is_index_name",
    "is_reference_number",
    "last_words",
    "split_words",
]

_ENTITIES = (
    "customer cust client user patient member person employee emp household account acct subject "
    "student player visitor session card device machine unit vehicle animal company driver passenger "
    "subscriber borrower applicant contact guest host seller buyer donor voter citizen athlete "
    "kunde nutzer mitarbeiter"
)
_WORDS: dict[str, str] = {
    "entity": _ENTITIES,
    "identifier": "id key uid uuid guid pk rowid identifier kennung",
    "number": "no nr number num code ref reference sku isbn ean serial",
    "person": "email mail phone telephone mobile ssn iban passport name surname firstname lastname fullname "
    "username login address street url link ip",
    "prose": "name title description desc text comment comments note notes review message body summary "
    "abstract remark remarks content question answer caption",
    "code": "code sex gender race ethnicity marriage marital occupation language religion nationality "
    "species breed color colour company zip zipcode postcode postal plz pincode store shop branch "
    "outlet warehouse dept department category cat class pclass subclass mssubclass type kind status "
    "state region district area county sector segment cluster group route flight line channel vendor "
    "supplier carrier agent agency brand make model product item sku sic naics icd fips country city "
    "zone gate terminal filiale",
    "month": "month mnth mon monat mes mois",
    "weekday": "weekday dow dayofweek wochentag",
    "quarter": "quarter qtr quartal",
    "year": "year yr jahr vintage yyyy",
    "count": "num number count cnt n nb qty quantity total sum kids children siblings rooms bedrooms "
    "bathrooms doors cylinders visits purchases orders items clicks age days hours minutes duration months "
    "years anzahl times",
    "signed": "temp temperature temperatur delta diff difference change balance profit margin growth return "
    "returns yield altitude alt elevation dew dewp log logit zscore x y z delay lag residual error net "
    "momentum sentiment tz offset skew coef slope latitude longitude lat lon lng long anomaly pca",
    "when": "date time datetime timestamp ts dt day when created ordered purchased occurred event started "
    "start begin enrolled joined recorded observed measured sold posted published visit sale booked "
    "admission pickup datum zeit hour",
    "birth": "birth born birthday birthdate dob geburt geburtsdatum death died",
    "later": "end ended due expiry expires expiration closed close last updated modified changed deleted "
    "discharge dropoff delivered returned cancelled scheduled planned valid",
    "happened": "timestamp order ordered purchase purchased transaction trans event sale sold visit invoice "
    "trade quote measured observed recorded reading log click booking",
    "target": "target label y class outcome response churn churned survived default fraud converted "
    "conversion clicked click bought purchased exited attrition diagnosis result approved cancelled canceled "
    "price sales demand revenue volume value score quality rating income cost charges salary rent",
}
_ID_PATTERN = re.compile(
    "(cust|order|row|record|product|item|trans|transaction|store|loan|policy|ride|trip|movie|listing|"
    f"property|building|invoice|sample|case|event|image|doc|team|game|match|{'|'.join(_ENTITIES.split())})id"
)
_WORD_SETS = {kind: frozenset(words.split()) for kind, words in _WORDS.items()}
_MAX_NAME_LENGTH = 40
_RESERVED_NAMES = ("int", "float", "str", "bool", "dt", "cls", "self")


@cache
def split_words(name: str) -> tuple[str, ...]:
    """Give the words of a name in small letters.

    Example:
        >>> split_words("Dt_Customer"), split_words("SalePrice")
        (('dt', 'customer'), ('sale', 'price'))
    """
    return tuple(to_snake_case(_transliterate(name)).split("_"))


def has_word_kind(name: str, *kinds: str, where: str = "any") -> bool:
    """Whether a name has a word of one of these kinds.

    Args:
        name: of a column.
        kinds: such as ``identifier``, ``code``, ``year``.
        where: ``any`` word, or the ``last`` one, which says what a thing is.

    Example:
        >>> has_word_kind("customer_id", "identifier", where="last"), has_word_kind("humid", "identifier")
        (True, False)
    """
    words = last_words(name) if where == "last" else (*split_words(name), *last_words(name))
    wanted: frozenset[str] = frozenset().union(*(_WORD_SETS[k] for k in kinds))
    if "identifier" in kinds and any(_ID_PATTERN.fullmatch(w) for w in words):
        return True
    if "entity" in kinds:  # `custid` names a customer, too
        words = (*words, *(w.removesuffix("id") for w in words))
    return any(re.sub(r"\d+$", "", w) in wanted or w in wanted for w in words)


def is_reference_number(name: str) -> bool:
    """Whether a name is that of a number by which something is called.

    Example:
        >>> (
        ...     is_reference_number("invoice_number"),
        ...     is_reference_number("number_of_rooms"),
        ...     is_reference_number("code"),
        ... )
        (True, False, False)
    """
    words = split_words(name)
    return len(words) > 1 and words[-1] in _WORD_SETS["number"]


def is_entity_name(name: str, *, allow_bare: bool) -> bool:
    """Whether a name is that of whom rows belong to: ``customer_id``, ``CustomerNo``, not ``customer_age``.

    Args:
        name: of a column.
        alone: whether ``customer`` will do.

    Example:
        >>> is_entity_name("patient_id", allow_bare=False), is_entity_name("patient", allow_bare=True)
        (True, True)
    """
    words = split_words(name)
    if words == ("id",):
        return True
    named = has_word_kind(name, "identifier", where="last") or is_reference_number(name)
    return has_word_kind(name, "entity") and (named or (allow_bare and len(words) == 1))


def is_index_name(name: str) -> bool:
    """Whether a name is that which the index of a table gets when it is written to a file.

    Example:
        >>> is_index_name("Unnamed: 0"), is_index_name("index"), is_index_name("price_index")
        (True, True, False)
    """
    plain = name.lower().strip("_ ")
    return plain.startswith("unnamed") or plain in ("", "index", "idx", "level_0", "row", "row_index")


@cache
def last_words(name: str) -> tuple[str, ...]:
    """Give the last word of a name, and the last ones written as one; a number behind a word is none.

    Example:
        >>> last_words("Day_of_Week"), last_words("week_number")
        (('week', 'ofweek', 'dayofweek'), ('number', 'weeknumber', 'week'))
    """
    words = split_words(name)
    joined = ("".join(words[-count:]) for count in range(1, min(len(words), 4) + 1))
    before = words[-2:-1] if words[-1] in ("number", "no", "nr", "num") else ()
    return tuple(dict.fromkeys((*joined, *before)))


def field_names(raw: Sequence[str]) -> Mapping[str, str]:
    """Give each raw column the name that it gets in a contract: a snake case identifier, each once.

    No name is that of another raw column, nor one that pydantic or the class body has taken.

    Example:
        >>> dict(field_names(["Dt_Customer", "class", "größe", "1st floor", "价格"]))
        {'Dt_Customer': 'dt_customer', 'class': 'class_', 'größe': 'groesse', '1st floor': 'x_1st_floor',
         '价格': 'column_5'}
    """
    given: dict[str, str] = {}
    exact = {name for name in raw if _is_free(name) and to_snake_case(name) == name}
    taken = set(exact)
    for place, name in enumerate(raw):
        if name in exact:
            given[name] = name
            continue
        base = to_snake_case(_transliterate(name))[:_MAX_NAME_LENGTH].strip("_") or f"column_{place + 1}"
        base = f"x_{base}" if base[0].isdigit() else base
        base = base if _is_free(base) else f"{base}_"
        others = taken | (set(raw) - {name})
        given[name] = next(n for n in _candidate_names(base) if n not in others)
        taken.add(given[name])
    return given


def class_name(text: str, taken: Iterable[str] = ()) -> str:
    """Give the name of a contract: the singular of a file's or a table's name, in capitals.

    Example:
        >>> class_name("bank_customers"), class_name("2024 sales"), class_name("cities"), class_name("bus")
        ('BankCustomer', 'Row2024Sale', 'City', 'Bus')
    """
    words = [w for w in split_words(text) if w]
    if words:
        words[-1] = _singular(words[-1])
    name = "".join(w.capitalize() for w in words) or "Row"
    name = f"Row{name}" if name[0].isdigit() else name
    return name if name not in set(taken) and not keyword.iskeyword(name) else f"{name}Row"


def _candidate_names(base: str) -> Iterable[str]:
    yield base
    number = 2
    while True:
        yield f"{base.rstrip('_')}_{number}"
        number += 1


def _is_free(name: str) -> bool:
    usable = (
        name.isascii() and name.isidentifier() and not name.startswith("_") and len(name) <= _MAX_NAME_LENGTH
    )
    return (
        usable and not keyword.iskeyword(name) and name not in _RESERVED_NAMES and not hasattr(Contract, name)
    )


def _transliterate(name: str) -> str:
    for letter, plain in {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "ł": "l"}.items():
        name = name.replace(letter, plain).replace(letter.upper(), plain.capitalize())
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is", "news", "series")) and len(word) > 3
    return word[:-1] if plural else word
