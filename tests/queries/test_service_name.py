import pytest
from hypothesis import example, given
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
        ("2001:db8::1", "[2001:db8::1]"),
        ("[2001:0db8:0:0::0001]:80", "[2001:db8::1]"),
        ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"),
        ("[fe80::1%25eth0]", "[fe80::1%25eth0]"),
        ("1:2:3", "1:2:3"),
        ("192.0.2.001", "192.0.2.001"),
        ("x_host-header", "x_host-header"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example:443", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("пример.испытание.", "xn--e1afmkfd.xn--80akhbyknj4f"),
        ("\uff57\uff57\uff57\uff0eexample\uff0ecom", "www.example.com"),
        ("www\u00ad.exam\u200bple.com", "www.example.com"),
        ("a%2eexample", "a%2eexample"),
        ("%", "%"),
        ("*.example.com", "*.example.com"),
        ("-", "-"),
        ("a" * 253, "a" * 253),
        ("a" * 253 + ".:443", "a" * 253),
    ],
)
def test_a_name_is_folded_to_its_canonical_form(logged: str, name: str) -> None:
    assert canonical(logged) == name


@pytest.mark.parametrize(
    "logged",
    ["", ".", ":443", ".:443", "a" * 254, "a b", " a", "a\t", "a\nb", "a\x00", "a\x7f", "a\u00a0b",
     "a\u2028b", "a\u3000", "a\ud800", "\u202ea", "\u00ad", "ü" * 250],
)  # fmt: skip
def test_what_can_not_be_a_host_name_has_no_canonical_form(logged: str) -> None:
    assert canonical(logged) is None


@example("[::%.é]")
@given(
    st.text(alphabet=st.sampled_from("aB1.:[]- \x00éß\u0130\u3002\uff1a\u200b%"), max_size=12)
    | st.text()
)
def test_a_canonical_name_folds_to_itself(logged: str) -> None:
    name = canonical(logged)
    assert name is None or canonical(name) == name
