import pytest

from al_core.errors import BadLabel
from al_core.exchange.safe_xml import parse_xml


def test_elements_attributes_and_text():
    root = parse_xml(b'<?xml version="1.0" encoding="utf-8"?><a b="1">x<c>&lt;\xc3\xa4</c></a>')
    assert (root.tag, root.attrib, root.text, root[0].text) == ("a", {"b": "1"}, "x", "<ä")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'<!DOCTYPE a [<!ENTITY x "xxxx"><!ENTITY y "&x;&x;">]><a>&y;</a>', "document type or entities"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "document type or entities"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>', "document type or entities"),
        (b"<a>" * 1000, "16 deep"),
        (b"<a>", "cannot be read as XML"),
        (b"", "cannot be read as XML"),
        (b"<a>&y;</a>", "cannot be read as XML"),
    ],
)
def test_what_grows_or_reaches_out_is_refused(content, message):
    with pytest.raises(BadLabel, match=message):
        parse_xml(content)
