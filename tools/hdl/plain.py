"""One reading of the text for every tool: no macros, directives, attributes or comments.

Tools define macros of their own (``SYNTHESIS``, ``__ICARUS__``, ``VERILATOR``) and obey comments
(``translate_off``) and attributes (``parallel_case``). A design could show each of them another
face: to a prover what is right, to a simulator what is wrong. So tools get the tokens that one
preprocessor produced, each on its own line of the source.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyslang.parsing import Token
from pyslang.syntax import SyntaxKind, SyntaxNode

from tools.hdl.syntax import line_of, parse


def plain(source: str) -> str:
    """The same design as tokens alone; line numbers stay. Raises SourceError."""
    tree = parse(source)
    parts: list[str] = []
    line, glued = 1, False
    for token in _tokens(tree.root):
        at = line_of(tree, token.location)
        from_macro = tree.sourceManager.isMacroLoc(token.location)
        if at > line:
            parts.append("\n" * (at - line))
            line = at
        elif from_macro or not glued or list(token.trivia):
            parts.append(" ")
        parts.append(token.rawText)
        line += token.rawText.count("\n")
        glued = not from_macro and not token.rawText.startswith("\\")
    return "".join([*parts, "\n"])


def _tokens(root: SyntaxNode) -> Iterator[Token]:
    """Tokens in source order without those of attributes."""
    stack: list[object] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, Token):
            if item.rawText:
                yield item
        elif isinstance(item, SyntaxNode) and item.kind != SyntaxKind.AttributeInstance:
            stack.extend(reversed(list(item)))
