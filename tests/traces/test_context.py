"""W3C's Trace Context, as it is read: what is no traceparent is as good as none."""

import pytest

from checkout.traces import context

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-01"),  # Flags that nobody has given a meaning are left out.
        (f"cc-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", f"00-{TRACE}-{SPAN}-01"),
        (f"00-{TRACE}-{SPAN}-01-more", ""),
        (f"cc-{TRACE}-{SPAN}-01more", ""),
        (f"ff-{TRACE}-{SPAN}-01", ""),
        (f"00-{TRACE.upper()}-{SPAN}-01", ""),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE}-{SPAN}-0", ""),
        (f"00-{TRACE}-{SPAN}", ""),
        (f" 00-{TRACE}-{SPAN}-01", ""),
        (f"00-{TRACE}-{SPAN}-01\n", ""),
        ("", ""),
    ],
)
def test_a_header_is_read_as_the_standard_has_it(header: str, read: str) -> None:
    assert context.parsed(header) == read


def test_only_what_its_sender_records_is_recorded() -> None:
    assert context.is_sampled(f"00-{TRACE}-{SPAN}-01")
    assert not context.is_sampled(f"00-{TRACE}-{SPAN}-00")
    assert not context.is_sampled("")
