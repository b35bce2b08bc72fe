"""The vocabulary of column names: kinds of words in them, and names of fields and classes made from them."""

from __future__ import annotations

import itertools
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache

from magical.contracts.contract import Contract
from magical.contracts.schema import to_snake_case

__all__ = [
    "class_name",
    "field_names",
    "first_free_name",
    "has_word_kind",
    "is_entity_name",
    "is_index_name",
    "is_reference_number",
    "last_words",
    "names_somebody",
    "split_words",
]

_ENTITIES = (
    "customer cust client user patient member person employee emp household account acct subject "
    "student player visitor session card device machine unit vehicle animal company driver passenger "
    "subscriber borrower applicant contact guest host seller buyer donor voter citizen athlete "
    "kunde kundin nutzer mitarbeiter mitglied teilnehmer abonnent konto mieter "
    "cliente utente paziente conto paciente usuario socio miembro cuenta empleado "
    "compte membre adherent abonne"
)
_WORDS: dict[str, str] = {
    "entity": _ENTITIES,
    "identifier": "id key uid uuid guid pk rowid identifier kennung",
    "number": "no nr number num nummer numero code ref reference sku isbn ean serial",
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
_ENTITY_PATTERN = "|".join(_ENTITIES.split())
# Ids written as one word, such as custid. Any word that ends in "id" would not do: humid, paid, void.
_ID_PATTERN = re.compile(
    "(cust|order|row|record|product|item|trans|transaction|store|loan|policy|ride|trip|movie|listing|"
    f"property|building|invoice|sample|case|event|image|doc|team|game|match|{_ENTITY_PATTERN})id"
    f"|({_ENTITY_PATTERN})(n|s|en)?(nr|no|number|nummer)"
)
_NUMBER_SUFFIX = re.compile(r"(?<=.)((n|s|en)?(nr|no|number|nummer)|id)$")
_WORD_SETS = {kind: frozenset(words.split()) for kind, words in _WORDS.items()}
_SINGULARS_IN_S = (
    "news", "series", "species", "diabetes", "herpes", "rabies", "lens", "gas", "bias", "atlas", "canvas",
)  # fmt: skip
_IRREGULAR_PLURALS = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse", "feet": "foot",
    "criteria": "criterion", "movies": "movie", "cookies": "cookie", "calories": "calorie", "caches": "cache",
}  # fmt: skip
_MAX_NAME_LENGTH = 40
# Types that a field of this name would hide in the class body, and names of methods' parameters.
_RESERVED_NAMES = ("int", "float", "str", "bool", "dt", "cls", "self")


@cache
def split_words(name: str) -> tuple[str, ...]:
    """Split a name into its words, in lower case.

    Example:
        >>> split_words("Dt_Customer"), split_words("SalePrice")
        (('dt', 'customer'), ('sale', 'price'))
    """
    return tuple(to_snake_case(_transliterate(name)).split("_"))


def has_word_kind(name: str, *kinds: str, where: str = "any") -> bool:
    """Return True if a name has a word of one of these kinds, such as ``identifier``, ``code`` or ``year``.

    Args:
        where: ``any`` word, or the ``last`` one, which is the noun that the others describe.

    Example:
        >>> has_word_kind("customer_id", "identifier", where="last"), has_word_kind("humid", "identifier")
        (True, False)
    """
    words = last_words(name) if where == "last" else (*split_words(name), *last_words(name))
    wanted: frozenset[str] = frozenset().union(*(_WORD_SETS[k] for k in kinds))
    if "identifier" in kinds and any(_ID_PATTERN.fullmatch(w) for w in words):
        return True
    if "entity" in kinds:  # `custid` and `kundennummer` name a customer, too
        words = (*words, *(_NUMBER_SUFFIX.sub("", w) for w in words))
    return any(re.sub(r"\d+$", "", w) in wanted or w in wanted for w in words)  # address2 is an address


def is_reference_number(name: str) -> bool:
    """Return True for the name of a number that identifies something.

    Example:
        >>> is_reference_number("invoice_number"), is_reference_number("number_of_rooms")
        (True, False)
    """
    words = split_words(name)
    # In Romance languages the noun comes first: codice_cliente, numero_compte.
    is_first = words[0] in ("codice", "codigo", "numero") and has_word_kind(name, "entity", where="last")
    return len(words) > 1 and (words[-1] in _WORD_SETS["number"] or is_first)


def is_entity_name(name: str, *, allow_bare: bool) -> bool:
    """Return True for a reference to an entity: ``customer_id``, ``CustomerNo``, not ``customer_age``.

    Args:
        allow_bare: accept ``customer`` alone.

    Example:
        >>> is_entity_name("patient_id", allow_bare=False), is_entity_name("patient", allow_bare=True)
        (True, True)
    """
    words = split_words(name)
    if words == ("id",):
        return True
    named = has_word_kind(name, "identifier", where="last") or is_reference_number(name)
    return has_word_kind(name, "entity") and (named or (allow_bare and len(words) == 1))


def names_somebody(name: str) -> bool:
    """Return True for a name whose values say who, if they are unique: ``bank_account``, ``Kundennummer``.

    Example:
        >>> names_somebody("bank_account"), names_somebody("people_per_household")
        (True, False)
    """
    if is_entity_name(name, allow_bare=True):
        return True
    is_amount = "per" in split_words(name) or has_word_kind(name, "count")
    return has_word_kind(name, "entity", where="last") and not is_amount


def is_index_name(name: str) -> bool:
    """Return True for a name that the index of a table gets when it is written to a file.

    Example:
        >>> is_index_name("Unnamed: 0"), is_index_name("index"), is_index_name("price_index")
        (True, True, False)
    """
    plain = name.lower().strip("_ ")
    return plain.startswith("unnamed") or plain in ("", "index", "idx", "level_0", "row", "row_index")


@cache
def last_words(name: str) -> tuple[str, ...]:
    """Return the last word of a name, the last ones joined, and the word before a final ``number`` or ``no``.

    Example:
        >>> last_words("Day_of_Week"), last_words("week_number")
        (('week', 'ofweek', 'dayofweek'), ('number', 'weeknumber', 'week'))
    """
    words = split_words(name)
    joined = ("".join(words[-count:]) for count in range(1, min(len(words), 4) + 1))
    before = words[-2:-1] if words[-1] in ("number", "no", "nr", "num") else ()
    return tuple(dict.fromkeys((*joined, *before)))


def field_names(raw: Sequence[str]) -> Mapping[str, str]:
    """Map each raw column to the name of its field: a snake case identifier, without duplicates.

    No field has the name of another raw column, of an attribute of ``Contract``, or of a column type.

    Example:
        >>> dict(field_names(["Dt_Customer", "class", "größe", "1st floor", "价格"]))
        {'Dt_Customer': 'dt_customer', 'class': 'class_', 'größe': 'groesse', '1st floor': 'x_1st_floor',
         '价格': 'column_5'}
    """
    fields: dict[str, str] = {}
    # Names that are valid already stay, even if an earlier column would get the same name.
    exact = {name for name in raw if _is_valid_field(name) and to_snake_case(name) == name}
    taken = set(raw)
    for place, name in enumerate(raw):
        if name in exact:
            fields[name] = name
            continue
        base = to_snake_case(_transliterate(name))[:_MAX_NAME_LENGTH].strip("_") or f"column_{place + 1}"
        base = f"x_{base}" if base[0].isdigit() else base
        base = base if _is_valid_field(base) else f"{base}_"
        taken.discard(name)
        fields[name] = first_free_name(base, taken, separator="_")
        taken |= {name, fields[name]}
    return fields


def first_free_name(name: str, taken: Collection[str], *, separator: str) -> str:
    """Return a name if it is free, else with the lowest free number from 2 appended.

    Example:
        >>> first_free_name("price", {"price", "price_2"}, separator="_")
        'price_3'
    """
    numbered = (f"{name.rstrip('_')}{separator}{number}" for number in itertools.count(2))
    return next(n for n in itertools.chain([name], numbered) if n not in taken)


def class_name(text: str, taken: Iterable[str] = ()) -> str:
    """Make the name of a contract: the singular of a file's or a table's name, in camel case.

    Args:
        text: the name of the file or the table.
        taken: names that it must not have: ``Row`` is added to it, then a number.

    Example:
        >>> class_name("bank_customers"), class_name("2024 sales"), class_name("cities"), class_name("bus")
        ('BankCustomer', 'Row2024Sale', 'City', 'Bus')
    """
    words = [w for w in split_words(text) if w]
    if words:
        words[-1] = _singular(words[-1])
    name = "".join(w.capitalize() for w in words) or "Row"
    name = f"Row{name}" if name[0].isdigit() else name
    taken = set(taken)
    if name not in taken and not keyword.iskeyword(name):
        return name
    return first_free_name(f"{name}Row", taken, separator="")


def _is_valid_field(name: str) -> bool:
    if not (name.isascii() and name.isidentifier()) or name.startswith("_") or len(name) > _MAX_NAME_LENGTH:
        return False
    return not (keyword.iskeyword(name) or name in _RESERVED_NAMES or hasattr(Contract, name))


def _transliterate(name: str) -> str:
    name = re.sub(r"\((e|in|a)\)$", r"\1", name)  # Client(e) is one word for both
    for letter, plain in {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "ł": "l"}.items():
        name = name.replace(letter, plain).replace(letter.upper(), plain.capitalize())
    # Other accents are dropped; letters that do not decompose stay, and snake case drops them.
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _singular(word: str) -> str:
    """Return the singular of an English noun; a noun that only looks like a plural stays."""
    if word in _IRREGULAR_PLURALS:
        return _IRREGULAR_PLURALS[word]
    if word in _SINGULARS_IN_S or word.endswith(("ss", "us", "is", "ics")) or len(word) < 4:
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "sses", "xes")) or (
        word.endswith("uses") and not word.endswith(("auses", "ouses"))
    ):
        return word.removesuffix("es")
    return word.removesuffix("s")
