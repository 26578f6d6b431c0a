"""Turns the docstrings of gmix into the fields that Sphinx shows."""

import re

_ENTRY = re.compile(r"(\*{0,2}\w[\w., *]*?)(?: :(?: (.*))?)?$")
_RAISES = re.compile(r"Raises (?=`)(.*?)\.(?= |$)")


def write_fields(_app, _what, _name, _object, _options, lines):
    """Turn the sections of a docstring into fields, and its entries ``name : description`` into definitions."""
    lines[:] = with_raises(lines)
    out, section, i = [], None, 0
    while i < len(lines):
        line, following = lines[i], lines[i + 1] if i + 1 < len(lines) else ""
        if line in ("Parameters", "Attributes", "Returns", "Raises") and following and set(following) == {"-"}:
            section, i = line, i + 2
            out += ["", f":{section}:"]
            continue
        entry = _ENTRY.match(line) if section in ("Parameters", "Attributes", "Raises") else None
        if entry and (entry[2] or line.endswith(" :") or following.startswith("    ")):
            mark = "`" if section == "Raises" else "**"  # an error is a link
            names = ", ".join(mark + name.strip().replace("*", "\\*") + mark for name in entry[1].split(","))
            out += [f"    {names}", f"        {entry[2]}"] if entry[2] else [f"    {names}"]
        elif section and line.startswith("    "):
            out.append(f"    {line}" if section != "Returns" else line)
        elif section == "Returns" and line:
            out.append(f"    {line}")
        elif section and line.startswith(":Raises:"):
            section = None
            out.append(line)
        elif section and line:
            section = None  # prose after a section
            out += ["", line]
        else:
            section = None if section == "Returns" else section
            out.append(line)
        i += 1
    lines[:] = out


def with_raises(lines):
    """Turn a sentence "Raises `A` for this, and `B` for that." into a field, after its paragraph."""
    out, paragraph = [], []
    for line in [*lines, ""]:
        if line:
            paragraph.append(line)
            continue
        text = " ".join(paragraph)
        if (found := _RAISES.search(text)) and not paragraph[0].startswith((" ", ">>>")):
            rest = f"{text[: found.start()].rstrip()} {text[found.end() :].lstrip()}".strip()
            out += [rest, ""] if rest else []
            out.append(":Raises:")
            for error, when in re.findall(r"(`+\w+`+) (.*?)(?:,? and (?=`)|$)", found[1]):
                out += [f"    {error}", f"        {when[0].upper()}{when[1:]}."]
        else:
            out += paragraph
        out.append("")
        paragraph = []
    return out[:-1]


def write_signature(_app, _what, _name, _object, _options, signature, returned):
    """Write the names of our own types, not what they stand for."""
    return tuple(
        text
        and re.sub(
            r"(?<![.\w])GaussianMixture\b",  # not the estimator of that name
            "~gmix.GaussianMixture",
            re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text),
        )
        for text in (signature, returned)
    )
