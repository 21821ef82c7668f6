"""What somebody may be named by who is to be forgotten."""

import pytest

from services.crm_gateway.privacy.model import Name, NameRefusedError, named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+15550123456", Name("+15550123456", "phone")),
        (" +1 (555) 012-3456 ", Name("+15550123456", "phone")),
        ("+44 20 7946 0018", Name("+442079460018", "phone")),
        ("Ana@Example.COM", Name("ana@example.com", "email")),
        ("cust-7", Name("cust-7", "id")),
        ("0815", Name("0815", "id")),
    ],
)
def test_one_way_of_writing_is_left(text: str, expected: Name):
    assert named(text) == expected


@pytest.mark.parametrize(
    "text", ["", "  ", "Sarah Miller", "555-012-3456", "(555) 0123", "+1", "+phone", "ana@", "a@b"]
)
def test_what_can_be_nobody_s_name_is_refused(text: str):
    with pytest.raises(NameRefusedError, match="give"):
        named(text)
