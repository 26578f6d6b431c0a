"""Shows what an example prints apart from its code."""

from docutils import nodes


def split_examples(_app, doctree):
    """Show the input and the output of an example as two blocks, so that the input can be copied."""
    blocks = [
        node
        for node in doctree.findall(nodes.Element)
        if isinstance(node, nodes.doctest_block)
        or (isinstance(node, nodes.literal_block) and node.get("language") == "pycon")
    ]
    for node in blocks:
        parts = []
        for line in node.astext().rstrip().splitlines():
            is_input = line.startswith((">>>", "..."))
            if not parts or parts[-1][0] is not is_input:
                parts.append((is_input, []))
            parts[-1][1].append(line[4:] if is_input else line.replace("<BLANKLINE>", ""))
        node.replace_self([_block(is_input, "\n".join(lines).rstrip()) for is_input, lines in parts])


def _block(is_input, text):
    language, kind = ("python", "input") if is_input else ("text", "output")
    return nodes.literal_block(text, text, language=language, classes=[kind])
