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
