"""Read XML from outside: nothing is looked up, nothing grows.

Document types and entities, with which a small file can become huge or reach for other files, are refused, and so is
deep nesting. (Known attacks: "billion laughs", quadratic blow-up, external entities.)
"""

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from al_core.errors import BadLabel

DEEPEST = 16
"""Levels of elements within each other."""


def parse_xml(content: bytes) -> Element:
    """The root element.

    Raises:
        BadLabel: this is no XML, or it uses what is refused.
    """
    builder, depth = TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise BadLabel(f"elements lie more than {DEEPEST} deep within each other")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refused
    parser.EntityDeclHandler = _refused
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise BadLabel(f"cannot be read as XML ({error}). Export it again") from None
    return builder.close()


def _refused(*declaration: object) -> NoReturn:
    raise BadLabel("XML with a document type or entities is refused; remove the <!DOCTYPE ...>")
