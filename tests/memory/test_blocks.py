"""Chunks: nothing is lost, tables and code stay whole, headings and pages are told apart."""

from hypothesis import given
from hypothesis import strategies as st

from memory.knowledge.blocks import LIMIT, TARGET, Block, pack
from memory.knowledge.read_html import html_blocks
from memory.knowledge.read_markdown import markdown_blocks
from memory.knowledge.read_text import header_blocks, text_blocks

MARKDOWN = """# Manual
Before.
## Loads
Words.

| a | b |
|---|---|
| 1 | 2 |

```c
int x;

int y;
```
### Deep
End.
# Next
Last.
"""


def test_markdown_keeps_structure():
    chunks = list(pack(markdown_blocks(MARKDOWN)))
    assert [c.headings for c in chunks] == [
        ("Manual",), ("Manual", "Loads"), ("Manual", "Loads", "Deep"), ("Next",),
    ]  # fmt: skip
    assert "| 1 | 2 |" in chunks[1].text
    assert "int x;\n\nint y;" in chunks[1].text


def test_html_keeps_structure():
    page = """<html><title>t</title><style>p{}</style><h1>Manual</h1><p>One &amp; <b>two</b>
      <h2>Table<br>of loads</h2><table><tr><th>op<th>code<tr><td>lw<td>010</table>
      <script>alert(1)</script><pre>if (a &lt; b)
   c;</pre>"""
    blocks = html_blocks(page)
    assert [(b.kind, b.text) for b in blocks] == [
        ("prose", "t"),
        ("heading", "Manual"),
        ("prose", "One & two"),
        ("heading", "Table of loads"),
        ("table", "op | code\nlw | 010"),
        ("code", "if (a < b)\n   c;"),
    ]


HEADER = """#ifndef A_H
#define A_H
#include <stdint.h>

/** Adds; a brace in a comment: { */
int add(int a,
        int b);

typedef struct {
    int x;  // "}" here
    int y;
} point_t;

extern "C" {
const char *name(void);  /* "{" */
static inline int two(void) {
    return 2;
}
}
"""


def test_header_keeps_declarations_whole():
    texts = [b.text for b in header_blocks(HEADER)]
    assert texts[1] == "/** Adds; a brace in a comment: { */\nint add(int a,\n        int b);"
    assert texts[2].endswith("} point_t;")
    assert any(t.startswith("static inline") and t.endswith("}") for t in texts)
    assert any(t.endswith('const char *name(void);  /* "{" */') for t in texts)


def test_text_pages():
    pages = [(b.text, b.page) for b in text_blocks("a\n\nb\fc")]
    assert pages == [("a", 1), ("b", 1), ("c", 2)]


def test_long_table_repeats_its_head():
    rows = [f"| op{n} | {'x' * 50} |" for n in range(400)]
    table = "\n".join(["| name | what |", "|---|---|", *rows])
    chunks = list(pack([Block(table, "table")]))
    assert len(chunks) > 1
    assert all(c.text.startswith("| name | what |\n|---|---|\n| op") for c in chunks)
    assert sum(c.text.count("| op") for c in chunks) == 400


def test_table_and_code_below_the_limit_stay_whole():
    text = "\n".join("| a | b |" for _ in range(LIMIT // 12))
    assert [c.text for c in pack([Block("w"), Block(text, "table")])][-1] == text
    assert next(c.text for c in pack([Block(text, "code"), Block("w")])) == text


def test_pages_and_headings_end_a_chunk():
    blocks = [
        Block("a", page=1),
        Block("b", page=2),
        Block("H", "heading", 1, 2),
        Block("c", page=2),
    ]
    assert [(c.text, c.page, c.heading) for c in pack(blocks)] == [
        ("a", 1, ""), ("b", 2, ""), ("c", 2, "H"),
    ]  # fmt: skip


@given(st.lists(st.text("ab.; \n", min_size=1, max_size=4000).filter(str.strip), max_size=5))
def test_no_letter_is_lost_and_no_prose_is_too_long(texts):
    chunks = list(pack(Block(text) for text in texts))

    def letters(parts):
        return "".join("".join(parts).split())

    assert letters(c.text for c in chunks) == letters(texts)
    assert all(len(c.text) <= 2 * TARGET for c in chunks)
