"""What the server says in a person's language: read from its sources and its templates."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
SENTENCE = re.compile(r"\{\d\}|\.$")
"""A sentence of another layer, which is put together there."""
CALL = re.compile(r'\bt\("((?:[^"\\]|\\.)*)"')
HEAD = re.compile(r"all_of\(\[([^\[\]]*)\]\)")
MANY = re.compile(r'\|many\("([^"]*)"\)')
ENGLISH = ("set.html", "aims.html")
"""Templates of what is written to files only."""


def texts(node):
    """The texts that an argument may be: itself, or each end of a choice."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if isinstance(node, ast.Tuple | ast.List):
        return [text for each in node.elts for text in texts(each)]
    return []


def pattern(node):
    """What a text matches that is put together of a name and words, such as that of each kind of mask."""
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(re.escape(each.value) if isinstance(each, ast.Constant) else ".+" for each in node.values)


def plural(nouns):
    return [f"{{n}} {nouns[1] if len(nouns) > 1 else nouns[0] + 's'}"] if nouns else []


def said_in(source):
    """The texts that a module says, as the catalogue has them."""
    for node in ast.walk(ast.parse(source)):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if name in ("t", "all_of"):
            yield from texts(node.args[0])
        if name == "counted" and len(node.args) > 2:
            yield from texts(node.args[2])
        if name == "many":
            yield from plural([text for each in node.args[1:] for text in texts(each)])


def put_together():
    """Patterns of the texts that modules put together of a name and words."""
    calls = (
        node for source in modules().values() for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
    )
    said = (call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "t")
    ends = (end for node in said for end in ((node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,)))
    return set(filter(None, map(pattern, ends)))


def said_by(template):
    """The texts that a template says, as the catalogue has them."""
    yield from CALL.findall(template)
    for head in HEAD.findall(template):
        yield from re.findall(r'"([^"]*)"', head)
    for noun in MANY.findall(template):
        yield from plural([noun])


def modules():
    """The sources that say something to people by the catalogue."""
    found = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tasks").rglob("*.py")}
    return {path: text for path, text in found.items() if "from tasks.languages.phrases import" in text}


def templates():
    return [p.read_text() for p in (ROOT / "tasks/report/templates").glob("*.html") if p.name not in ENGLISH]


def said():
    """All texts that the server says."""
    found = {text for source in modules().values() for text in said_in(source)}
    return found | {text for template in templates() for text in said_by(template)}
