"""The table of docs/payments.md, as the tests play it."""

from __future__ import annotations

WORDS = """
                no_trade_yet no_trade   waits      paid       finished   closed     sent_back  unknown    limited    forged
accepted        no_attempt   no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt
rejected        no_attempt   no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt
in_time         later        too_early  later      kept       kept       ends       refunded   later      later      later
overdue         later        ends       later      kept       kept       ends       refunded   later      later      later
closing         later        expires    expires    kept       kept       expires    refunded   later      later      later
code            later        too_early  later      kept       kept       ends       refunded   later      later      later
code_closing    later        expires    expires    kept       kept       expires    refunded   later      later      later
mini            missing      too_early  later      kept       kept       ends       refunded   later      later      later
mini_closing    missing      missing    expires    kept       kept       expires    refunded   later      later      later
mini_unheard    later        expires    expires    kept       kept       expires    refunded   later      later      later
paid            not_asked    not_asked  not_asked  same       same       excluded   refunded   not_asked  not_asked  refused
paid_by_other   later        ends       ends       goes_back  listed     ends       taken_in   later      later      later
cash            no_attempt   no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt no_attempt
shipped         not_asked    not_asked  not_asked  same       same       excluded   refunded   not_asked  not_asked  refused
completed       not_asked    not_asked  not_asked  same       same       excluded   refunded   not_asked  not_asked  refused
expired         not_asked    not_asked  not_asked  reinstated reinstated same       taken_in   not_asked  not_asked  refused
cancelled_held  later        returns    returns    goes_back  listed     returns    taken_in   later      later      later
mini_cancelled  missing      missing    returns    goes_back  listed     returns    taken_in   later      later      later
cancelled       not_asked    not_asked  not_asked  goes_back  listed     same       taken_in   not_asked  not_asked  refused
refunded_held   later        returns    returns    goes_back  listed     returns    taken_in   later      later      later
refunded        not_asked    not_asked  not_asked  same       excluded   excluded   same       not_asked  not_asked  refused
"""  # noqa: E501 - a table is read by its columns

CLOSE = """
                done    no_trade  paid_before  closed_before  unknown_done  unknown_not_done  limited  forged
closing         expires excluded  kept         expires        expires       expires           expires  expires
code_closing    expires excluded  kept         expires        expires       expires           expires  expires
mini_closing    expires excluded  kept         expires        expires       expires           expires  expires
paid_by_other   ends    excluded  goes_back    ends           ends          ends              ends     ends
cancelled_held  returns excluded  goes_back    returns        returns       returns           returns  returns
refunded_held   returns excluded  goes_back    returns        returns       returns           returns  returns
"""

REFUND = """
                moved     pending   unknown_done unknown_not_done limited   low_balance forged    all_gone part_gone finished discordant not_paid
operator_part   succeeds  succeeds  succeeds     succeeds         succeeds  succeeds    succeeds  external fails     fails    person     never
operator_all    succeeds  succeeds  succeeds     succeeds         succeeds  succeeds    succeeds  external fails     fails    person     never
must            succeeds  succeeds  succeeds     succeeds         succeeds  succeeds    succeeds  external person    person   person     never
"""  # noqa: E501 - as above


def parse(text: str) -> dict[tuple[str, str], str]:
    """The cell of each (row, column)."""
    head, *lines = (line.split() for line in text.strip().splitlines())
    return {(name, column): cell for name, *cells in lines for column, cell in zip(head, cells, strict=True)}
