"""What code binds and reads, and what of it counts."""

import ast
import textwrap

import pytest

from magical.keys.syntax import (
    dump_syntax,
    find_bindings,
    find_local_imports,
    find_name_chains,
    normalise_syntax,
)


def parse(text: str) -> ast.Module:
    return ast.parse(textwrap.dedent(text))


def dump(tree: ast.AST, documented: bool = False) -> str:
    return dump_syntax(normalise_syntax(tree, documented))


def bindings(text: str) -> dict[str, list[str]]:
    return {name: [ast.unparse(s) for s in found] for name, found in find_bindings(parse(text)).items()}


def chains(text: str) -> list[str]:
    return [".".join(chain) for chain in find_name_chains(parse(text))]


# --- bindings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("a = b = 1", ["a", "b"]),
        ("a, (b, *c) = f()", ["a", "b", "c"]),
        ("a: int = 1", ["a"]),
        ("a += 1", ["a"]),
        ("def f(): inner = 1", ["f"]),
        ("async def f(): ...", ["f"]),
        ("class A:\n    x = 1", ["A"]),
        ("import a.b, c.d as e", ["a", "e"]),
        ("from a import b, c as d", ["b", "d"]),
        ("a[0] = 1", ["a"]),
        ("a.b.c = 1", ["a"]),
        ("a.b['x'] += 1", ["a"]),
        ("registry.add(1)", ["registry"]),
        ("registry.of['x'].add(1)", ["registry"]),
        ("make().add(1)", []),
        ("print((n := 10))", ["n", "print"]),
        ("for i in a:\n    b = i", ["b", "i"]),
        ("with a() as b:\n    c = b", ["b", "c"]),
        ("while a:\n    b = 1", ["b"]),
        (
            "try:\n    a = 1\nexcept E:\n    b = 1\nelse:\n    c = 1\nfinally:\n    d = 1",
            ["a", "b", "c", "d"],
        ),
        ("if a:\n    import b\nelse:\n    b = None", ["b"]),
        ("match a:\n    case [1]:\n        b = 1\n    case _:\n        c = 1", ["b", "c"]),
    ],
)
def test_names_that_a_module_binds_or_changes(text: str, names: list[str]) -> None:
    assert sorted(bindings(text)) == names


def test_a_name_has_all_its_statements_in_order() -> None:
    assert bindings("a = []\nb = 1\na.append(b)\na[0] = 2") == {
        "a": ["a = []", "a.append(b)", "a[0] = 2"],
        "b": ["b = 1"],
    }


def test_a_name_depends_on_the_conditions_around_it() -> None:
    found = bindings("if FAST:\n    if size > 3:\n        f = a\n    else:\n        f = b\nelse:\n    g = c")
    assert found == {
        "f": ["f = a", "FAST", "size > 3", "f = b", "FAST", "size > 3"],
        "g": ["g = c", "FAST"],
    }
    assert "source()" in bindings("for i in source():\n    f = i")["f"]
    assert "opened()" in bindings("with opened():\n    f = 1")["f"]
    assert "kind" in bindings("match kind:\n    case 1:\n        f = 1")["f"]


def test_a_condition_has_the_place_of_its_statement() -> None:
    condition = find_bindings(parse("\n\nif (\n  FAST):\n    f = 1"))["f"][1]
    assert condition.lineno == 3


def test_imports_inside_of_code_are_found_at_every_depth() -> None:
    tree = parse("""
        def f():
            import a.b
            if True:
                from c import d as e
            def g():
                import a.c
    """)
    found = {
        name: [ast.unparse(s) for s in statements] for name, statements in find_local_imports(tree).items()
    }
    assert {name: sorted(texts) for name, texts in found.items()} == {
        "a": ["import a.b", "import a.c"],
        "e": ["from c import d as e"],
    }


# --- names that are read --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def f(x):\n    y = x\n    return y", []),
        ("def f(x): return a.b.c(x) + d", ["a.b.c", "d"]),
        ("def f(x): return a(x).b + c[0].d", ["a", "c"]),
        ("def f(x=a): return x.b", ["a"]),
        ("@a.b\ndef f(): ...", ["a.b"]),
        ("def f(x: a.b) -> c: ...", ["a.b", "c"]),
        ("def f():\n    return [a for b in c if d]", ["a", "c", "d"]),
        ("def f():\n    return lambda b: a + b", ["a"]),
        ("def f():\n    global a\n    a = 1\n    return a", ["a"]),
        ("def f():\n    b = 1\n    def g():\n        return a + b\n    return g", ["a"]),
        ("class A(B):\n    x = C.d\n    y = x\n    def g(self): return self.x, E", ["B", "C.d", "E"]),
        ("def f():\n    import json\n    return json.dumps(1)", ["json.dumps"]),
        ("def f():\n    from a import b as c\n    return c.d()", ["c.d"]),
        ("def f():\n    nonlocal a\n    return a + b", ["a", "b"]),
        ("def f(): return f'{a.b}'", ["a.b"]),
        ("", []),
    ],
)
def test_global_names_that_code_reads(text: str, names: list[str]) -> None:
    assert chains(text) == names


def test_names_come_sorted_and_once() -> None:
    assert chains("def f(): return b + a.x + b + a.x + a") == ["a", "a.x", "b"]


# --- normal form ----------------------------------------------------------------------------------------------

SAME = {
    "comments": ("x = 1  # one", "x = 1"),
    "formatting": ("f( a,b )", "f(a, b)"),
    "quotes and brackets": ('x = ("a")', "x = 'a'"),
    "lines": ("\n\nx = 1\n\n\ny = 2", "x = 1\ny = 2"),
    "a docstring": ('def f():\n    """Do."""\n    return 1', "def f():\n    return 1"),
    "a body of a docstring": ('class A:\n    """Be."""', "class A:\n    pass"),
    "a docstring deep inside": ('class A:\n    async def f(self):\n        """Do."""', "class A:\n    async def f(self): pass"),
    "the text below an attribute": ('x = 1\n"""One."""', "x = 1"),
    "an annotation of a local name": ("def f():\n    x: int = 1\n    y: str", "def f():\n    x = 1"),
    "the prefix of a text": ("x = u'a'", "x = 'a'"),
    "a description": ("x = Field(ge=0, description='d', title='t')", "x = Field(ge=0)"),
    "a description, with a module": ("x = magical.Field(description='d')", "x = magical.Field()"),
}  # fmt: skip
DIFFERENT = {
    "a value": ("x = 1", "x = 2"),
    "a type of number": ("x = 1", "x = 1.0"),
    "a name": ("x = 1", "y = 1"),
    "an order": ("f(a, b)", "f(b, a)"),
    "a text that is no docstring": ("def f():\n    return 'a'", "def f():\n    return 'b'"),
    "a second text": ("def f():\n    'a'\n    x = 'b'", "def f():\n    'a'\n    x = 'c'"),
    "an annotation of a field": ("class A:\n    x: int = 1", "class A:\n    x: str = 1"),
    "a bound": ("x = Field(ge=0)", "x = Field(ge=1)"),
    "a description of something else": ("f(description='a')", "f(description='b')"),
    "a default": ("def f(x=1): ...", "def f(x=2): ..."),
    "a decorator": ("@a\ndef f(): ...", "def f(): ..."),
    "a type hint": ("def f(x: int): ...", "def f(x: str): ..."),
}


@pytest.mark.parametrize("name", SAME)
def test_what_only_people_read_does_not_count(name: str) -> None:
    one, other = map(parse, SAME[name])
    assert dump(one) == dump(other)


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_python_sees_counts(name: str) -> None:
    one, other = map(parse, DIFFERENT[name])
    assert dump(one) != dump(other)


def test_texts_count_where_they_are_asked_for() -> None:
    one, other = (parse(f'class A:\n    """{text}"""') for text in ("One.", "Two."))
    assert dump(one, documented=True) != dump(other, documented=True)


def test_the_tree_stays_as_it_was() -> None:
    tree = parse('def f():\n    """Do."""\n    return Field(description="d")')
    before = ast.dump(tree, include_attributes=True)
    normalise_syntax(tree)
    find_name_chains(tree)
    assert ast.dump(tree, include_attributes=True) == before
