"""What a manual page says, without the roff around it: enough of man(7) for our own pages."""
import re
import shlex

FONT_OF_WORDS = {".B", ".I"}  # one font: their words are separated
FONTS_IN_TURN = {".BR", ".RB", ".IR", ".RI", ".BI", ".IB"}  # their words are not
ESCAPES = {r"\(dq": '"', r"\-": "-", r"\(aq": "'", r"\(mu": "×", r"\e": "\\", r"\&": ""}


def unescape(text):
    """The characters that escapes stand for."""
    return re.sub(r"\\(\(dq|-|\(aq|\(mu|e|&)", lambda escape: ESCAPES[escape[0]], text)


def words(line):
    """A line of text, or of a macro that changes the font, as it is printed; None for any other macro."""
    macro, _, rest = line.partition(" ")
    if line.startswith("."):
        if macro not in FONT_OF_WORDS | FONTS_IN_TURN:
            return None
        lexer = shlex.shlex(rest, posix=True)
        lexer.whitespace_split, lexer.quotes, lexer.commenters, lexer.escape = True, '"', "", ""
        line = (" " if macro in FONT_OF_WORDS else "").join(lexer)
    return unescape(re.sub(r"\\f[BIR]", "", line))


def first_paragraph(lines):
    """The text up to the next macro that is more than a font, on one line."""
    said = []
    for line in lines:
        text = words(line)
        if text is None:
            break
        said.append(text)
    return re.sub(r"\s+", " ", " ".join(said)).strip()


def sections(page, macro="SH"):
    """{heading: its lines}."""
    found = {}
    for part in re.split(rf"^\.{macro} ", page, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        found[heading.strip('"')] = text.splitlines()
    return found


def entries(lines):
    """(heading, lines) of each .TP. What is written without roff stands for itself."""
    starts = [number for number, line in enumerate(lines) if line.startswith(".TP")]
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        yield words(lines[start + 1]), lines[start + 2:end]
