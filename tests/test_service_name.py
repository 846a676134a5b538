import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.service_name import canonical


@pytest.mark.parametrize(
    ("logged", "name"),
    [
        ("www.example.com", "www.example.com"),
        ("WWW.Example.COM", "www.example.com"),
        ("www.example.com:443", "www.example.com"),
        ("www.example.com:", "www.example.com"),
        ("www.example.com.", "www.example.com"),
        ("Www.Example.com.:8080", "www.example.com"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[2001:DB8::1]:443", "[2001:db8::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("2001:db8::1", "2001:db8::1"),
        ("x_host-header", "x_host-header"),
        ("bücher.example", "bücher.example"),
        ("a" * 253, "a" * 253),
        ("a" * 253 + ".:443", "a" * 253),
    ],
)
def test_a_name_is_folded_to_its_canonical_form(logged: str, name: str) -> None:
    assert canonical(logged) == name


@pytest.mark.parametrize(
    "logged",
    ["", ".", ":443", ".:443", "a" * 254, "a b", " a", "a\t", "a\nb", "a\x00", "a\x7f", "a\u00a0b",
     "a\u2028b", "a\u3000", "a\ud800"],
)  # fmt: skip
def test_what_can_not_be_a_host_name_has_no_canonical_form(logged: str) -> None:
    assert canonical(logged) is None


@given(st.text(alphabet=st.sampled_from("aB1.:[]- \x00é"), max_size=12) | st.text())
def test_a_canonical_name_folds_to_itself(logged: str) -> None:
    name = canonical(logged)
    assert name is None or canonical(name) == name
