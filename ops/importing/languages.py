"""Which programming language a path in a repository stands for.

Only languages that people name as skills are listed: prose, data, lock files and vendored code give none.
"""

from __future__ import annotations

from typing import Final

_EXTENSIONS: Final = {
    "Ada": "adb ads",
    "Assembly": "asm s",
    "C": "c h",
    "C#": "cs",
    "C++": "cc cpp cxx hh hpp hxx",
    "CSS": "css less sass scss",
    "Clojure": "clj cljc cljs",
    "Crystal": "cr",
    "D": "d",
    "Dart": "dart",
    "Elixir": "ex exs",
    "Elm": "elm",
    "Erlang": "erl hrl",
    "F#": "fs fsi fsx",
    "Fortran": "f f03 f90 f95 for",
    "Go": "go",
    "Groovy": "gradle groovy",
    "HTML": "htm html",
    "Haskell": "hs lhs",
    "Java": "java",
    "JavaScript": "cjs js jsx mjs",
    "Julia": "jl",
    "Kotlin": "kt kts",
    "Lisp": "el lisp",
    "Lua": "lua",
    "Nim": "nim",
    "Nix": "nix",
    "OCaml": "ml mli",
    "Objective-C": "m mm",
    "PHP": "php",
    "Pascal": "pas pp",
    "Perl": "pl pm",
    "Prolog": "pro",
    "Python": "py pyi pyx",
    "R": "r",
    "Ruby": "rb rake",
    "Rust": "rs",
    "SQL": "sql",
    "Scala": "sc scala",
    "Scheme": "rkt scm",
    "Shell": "bash fish sh zsh",
    "Solidity": "sol",
    "Svelte": "svelte",
    "Swift": "swift",
    "Tcl": "tcl",
    "Terraform": "tf",
    "TypeScript": "cts mts ts tsx",
    "VHDL": "vhd vhdl",
    "Verilog": "sv v",
    "Visual Basic": "bas vb",
    "Vue": "vue",
    "Zig": "zig",
}
_BY_EXTENSION: Final = {ext: name for name, exts in _EXTENSIONS.items() for ext in exts.split()}
_VENDORED: Final = frozenset({"node_modules", "third_party", "vendor"})


def language_of(path: str) -> str | None:
    """The language of a file, or None when it says nothing about its author's skills."""
    *folders, name = path.split("/")
    if not _VENDORED.isdisjoint(folders) or ".min." in name:
        return None
    _, dot, extension = name.rpartition(".")
    return _BY_EXTENSION.get(extension.lower()) if dot else None
