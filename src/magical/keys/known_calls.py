"""The calls at import whose results are known to follow from their arguments and from installed versions."""

from __future__ import annotations

import re

__all__ = [
    "is_known_attribute",
    "is_known_call",
    "is_known_method",
    "is_known_package",
    "is_reading",
    "is_registering",
]

# Packages whose functions and classes ask the world for nothing, except for the names below.
_PACKAGES = {
    *("abc", "annotated_types", "array", "base64", "binascii", "bisect", "calendar", "cmath", "collections"),
    *("contextlib", "contextvars", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions"),
    *(
        "functools",
        "graphlib",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "keyword",
        "logging",
        "math",
        "numbers",
    ),
    *(
        "operator",
        "pathlib",
        "pprint",
        "re",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "threading",
        "types",
    ),
    *("typing", "typing_extensions", "unicodedata", "uuid", "warnings", "weakref", "zoneinfo"),
    *("_contextvars", "_decimal", "_functools", "_operator", "_struct", "_thread", "_weakref"),
    *("attr", "attrs", "magical", "numpy", "pandas", "polars", "pydantic", "pydantic_core", "scipy"),
    *("skrub", "sklearn"),
}
_BUILTINS = {
    *("abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "classmethod"),
    *(
        "complex",
        "dict",
        "divmod",
        "enumerate",
        "filter",
        "float",
        "format",
        "frozenset",
        "hasattr",
    ),
    *(
        "hex",
        "int",
        "isinstance",
        "issubclass",
        "iter",
        "len",
        "list",
        "map",
        "max",
        "memoryview",
        "min",
        "next",
    ),
    *(
        "object",
        "oct",
        "ord",
        "pow",
        "print",
        "property",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "setattr",
    ),
    *("slice", "sorted", "staticmethod", "str", "sum", "super", "tuple", "type", "zip"),
}
_PATH_FUNCTIONS = {"basename", "dirname", "join", "normpath", "split", "splitext"}
_SEEDED = {"Random", "RandomState", "default_rng", "Generator", "SeedSequence", "PCG64", "MT19937", "Philox"}
_CONSTANTS = {
    *("os.curdir", "os.devnull", "os.extsep", "os.linesep", "os.name", "os.pathsep", "os.sep"),
    *("sys.byteorder", "sys.float_info", "sys.hexversion", "sys.implementation", "sys.maxsize", "sys.path"),
    *("sys.platform", "sys.version", "sys.version_info"),
}
_MODEL_CLASS = re.compile(r"(Classifier|Regressor|Ranker)$")
# Names that ask for files, the clock, chance or the machine, of functions and of methods.
_ASKING = re.compile(
    r"^(read|load|open|scan|fetch|write|save|sink|dump|sample|shuffle|fit|urlopen|memmap|genfromtxt|from_?file|"
    r"fromregex|exec|eval|sql|collect_all|fileConfig|dictConfig|query)($|_|[A-Z])|^(read|load|fetch)[a-z]+$|"
    r"^(exists|is_file|is_dir|is_symlink|is_mount|stat|lstat|iterdir|glob|rglob|walk|cwd|home|expanduser|"
    r"expandvars|owner|group|touch|mkdir|unlink|rename|samefile|readlink|now|today|utcnow|fromtimestamp|"
    r"utcfromtimestamp|astimezone|timestamp|resolve|absolute|abspath|realpath|getenv|environ|uuid1|uuid4|"
    r"token_bytes|token_hex|urandom|tofile|to_csv|to_parquet|to_pickle|to_sql|to_excel|to_json|to_feather|"
    r"ExcelFile|HDFStore|DataSource|available_timezones|run|system|popen|Popen|check_output)$"
)
_OWN_LOCATION = {"resolve", "absolute", "abspath", "realpath"}
_HARMLESS = {"loads", "dumps", "fitted", "to_json_schema", "model_json_schema", "shuffled", "loader"}
_REGISTERING = re.compile(r"^(register|install|patch|seed|set_|use$|configure|basicConfig|activate|enable)")
_PROJECT_VERBS = (
    "magical.project",
    "magical.cli",
    "magical.stores",
    "magical.integrations",
    "magical.checks",
)


def is_known_call(name: str, arguments: int, of_own_file: bool) -> bool:
    """Return True if a call asks the world for nothing: its result follows from its arguments.

    Args:
        name: the dotted name of a function or class, with its module.
        arguments: the number of arguments.
        of_own_file: True if the call is about ``__file__``, whose place is known.

    Example:
        >>> is_known_call("decimal.Decimal", 1, False), is_known_call("polars.read_csv", 1, False)
        (True, False)
    """
    top, _, _ = name.partition(".")
    leaf = name.rpartition(".")[2]
    if top == "builtins":
        return leaf in _BUILTINS
    if name.startswith(("random.", "numpy.random.", "numpy.random.mtrand.")):
        return leaf == "seed" or (leaf in _SEEDED and arguments > 0)
    if top in ("os", "posixpath", "ntpath"):
        known = leaf in _PATH_FUNCTIONS or (leaf in _OWN_LOCATION and of_own_file)
        return known and (top != "os" or name.startswith("os.path."))
    if name == "rich.console.Console":
        return True
    if top in ("lightgbm", "xgboost", "catboost"):
        return bool(_MODEL_CLASS.search(leaf))
    if name.startswith(_PROJECT_VERBS):
        return False
    return top in _PACKAGES and is_known_method(leaf, of_own_file)


def is_known_package(name: str) -> bool:
    """Return True if the objects of a package are known to ask for nothing, but for some methods.

    Example:
        >>> is_known_package("decimal"), is_known_package("requests.sessions")
        (True, False)
    """
    return name.partition(".")[0] in _PACKAGES and not name.startswith(_PROJECT_VERBS)


def is_reading(name: str) -> bool:
    """Return True if a call of Python or of a known package may ask for something, but changes nothing.

    Example:
        >>> is_reading("polars.read_csv"), is_reading("polars.Config.set_fmt_str_lengths")
        (True, False)
    """
    top, leaf = name.partition(".")[0], name.rpartition(".")[2]
    is_known = top in _PACKAGES or top in ("io", "os", "posixpath", "time", "random", "builtins", "sys")
    return is_known and bool(_ASKING.search(leaf))


def is_known_method(name: str, of_own_file: bool = False) -> bool:
    """Return True if a method of that name asks the world for nothing, on a value that did not, either.

    Example:
        >>> is_known_method("with_suffix"), is_known_method("read_text")
        (True, False)
    """
    return name in _HARMLESS or not _ASKING.search(name) or (of_own_file and name in _OWN_LOCATION)


def is_known_attribute(name: str) -> bool:
    """Return True if the value of a module's attribute follows from installed versions.

    Example:
        >>> is_known_attribute("math.pi"), is_known_attribute("os.environ")
        (True, False)
    """
    return name in _CONSTANTS or (
        name.partition(".")[0] in _PACKAGES and is_known_method(name.rpartition(".")[2])
    )


def is_registering(name: str) -> bool:
    """Return True if a function of that name may change something outside of the project.

    Example:
        >>> is_registering("polars.api.register_dataframe_namespace"), is_registering("functools.wraps")
        (True, False)
    """
    return bool(_REGISTERING.search(name.rpartition(".")[2]))
