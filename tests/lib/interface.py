# SPDX-License-Identifier: BSD-2-Clause
"""A strict reader of Varlink interface descriptions, written from varlink.org ("Interface
Definition"): what passes here, every client's own reader takes."""

import re

TOKEN = re.compile(r"[ \t\n]+|#[^\n]*\n|(?P<token>->|\[string\]|\[\]|[?:,()]|[\w.-]+)")
INTERFACE = re.compile(r"[A-Za-z]([-]*[A-Za-z0-9])*(\.[A-Za-z0-9]([-]*[A-Za-z0-9])*)+")
MEMBER = re.compile(r"[A-Z][A-Za-z0-9]*")
FIELD = re.compile(r"[A-Za-z]([_]?[A-Za-z0-9])*")
BASIC = {"bool", "int", "float", "string", "object"}


class Interface:
    """.name; .types, .methods, .errors by name. A struct is a dict of types by field, an enum is a
    list of words, a method is a pair of structs; a type is text, ("?", type), ("[]", type),
    ("[string]", type), a struct or an enum."""

    def __init__(self, text):
        self.tokens = self._tokens(text)
        self.types, self.methods, self.errors = {}, {}, {}
        self._expect("interface")
        self.name = self._take(INTERFACE)
        self.used = set()
        while self.tokens:
            self._member()
        missing = self.used - set(self.types)
        assert not missing, f"types that are used and not there: {missing}"

    @staticmethod
    def _tokens(text):
        found, place = [], 0
        while place < len(text):
            match = TOKEN.match(text, place)
            assert match, f"not Varlink: {text[place:place + 40]!r}"
            if match["token"]:
                found.append(match["token"])
            place = match.end()
        return found[::-1]

    def _next(self):
        return self.tokens[-1] if self.tokens else ""

    def _expect(self, *words):
        assert self._next() in words, f"{self._next()!r} where {words} should be"
        return self.tokens.pop()

    def _take(self, pattern):
        assert pattern.fullmatch(self._next()), f"{self._next()!r} is no {pattern.pattern}"
        return self.tokens.pop()

    def _member(self):
        kind = self._expect("type", "method", "error")
        name = self._take(MEMBER)
        known = [*self.types, *self.methods, *self.errors]
        assert name not in known, f"{name} comes twice"
        if kind == "type":
            self.types[name] = self._braces()
        elif kind == "method":
            taken = self._braces()
            self._expect("->")
            self.methods[name] = taken, self._braces()
            assert all(isinstance(part, dict) for part in self.methods[name])
        else:
            self.errors[name] = self._braces()
            assert isinstance(self.errors[name], dict)

    def _braces(self):
        """A struct or an enum."""
        struct, words = {}, []
        self._expect("(")
        if self._next() == ")":
            self.tokens.pop()
            return struct
        while True:
            name = self._take(FIELD)
            assert name not in struct and name not in words, f"{name} comes twice"
            if struct or (not words and self._next() == ":"):
                self._expect(":")
                struct[name] = self._type()
            else:
                words.append(name)
            if self._expect(",", ")") == ")":
                return struct or words

    def _type(self, nullable=True):
        token = self._next()
        if token == "?":
            assert nullable, "?? is no type"
            self.tokens.pop()
            return "?", self._type(nullable=False)
        if token in ("[]", "[string]"):
            self.tokens.pop()
            return token, self._type()
        if token == "(":
            return self._braces()
        if token in BASIC:
            return self.tokens.pop()
        self.used.add(self._take(MEMBER))
        return token

    def check(self, kind, value, where="reply"):
        """Fails where a JSON value is not of that type: members that are missing, that nobody has
        described, or of another type."""
        if isinstance(kind, tuple):
            mark, inner = kind
            if mark == "?":
                return value is None or self.check(inner, value, where)
            assert isinstance(value, list if mark == "[]" else dict), f"{where}: {value!r}"
            parts = enumerate(value) if mark == "[]" else value.items()
            return all(self.check(inner, part, f"{where}[{key}]") for key, part in parts)
        if isinstance(kind, dict):
            assert isinstance(value, dict), f"{where}: {value!r}"
            assert not set(value) - set(kind), f"{where}: {set(value) - set(kind)} not described"
            return all(
                self.check(inner, value.get(name), f"{where}.{name}")
                for name, inner in kind.items()
            )
        if isinstance(kind, list):
            assert value in kind, f"{where}: {value!r} is none of {kind}"
            return True
        if kind in self.types:
            return self.check(self.types[kind], value, where)
        python = {"bool": bool, "int": int, "float": (int, float), "string": str, "object": object}
        right = isinstance(value, python[kind]) and (kind == "bool" or not isinstance(value, bool))
        assert right and value is not None, f"{where}: {value!r} is no {kind}"
        return True
