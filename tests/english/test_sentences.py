"""The measures of plain English find what is not plain, and let pass what is."""

import pytest

BAD_AND_PLAIN = {
    "In the archive's home of above.": "Continuing with the archive from the previous section:",
    "A person is meant by its id, or by a name that it alone has.": (
        "Refer to a person by ID, or by name if it is unique."
    ),
    "Being public is none.": '"Publicly available" is not accepted.',
    "Call the person NAME; without NAME, nothing any more.": "Rename a person. Omit NAME to clear it.",
    "Look the home over: what fits, what does not, what to do.": "Check the home and say how to fix what is wrong.",
    "this is no access key that counts now": "the access key is unknown, revoked or expired",
    "asked too often; wait a little": "too many requests; retry in N seconds",
    "leave --out out": "remove --out",
    "this page is over": "this page has expired",
    "a bug of ours ended it": "internal error; please report it",
    "it can't be told what the index holds": "the index could not be checked",
    "Lower than the threshold that lets 1 of 10 searches for a stranger show a false lead, pages do not go.": (
        "Pages don't offer thresholds at which more than 10 % of searches for strangers would show a false lead."
    ),
    "what is forgotten is committed first, and who stands before it loads anew": (
        "The new floor is committed before rows are deleted; a reader behind it reloads the index."
    ),
    # no word of the list is in these: only their order or length is wrong
    "Of a correction: where the law of the pictures is of.": "For a correction: the correct jurisdiction.",
    "What was erased does not come back, and that is so for every copy.": "Erased data does not come back.",
    "Interrupted, it goes on with the next apply or ingest.": "The next apply or ingest continues it.",
    "In the index lies what the old model made.": "The index holds the templates of the old model.",
    "Erase what an ended grant covers, what a term of retention says, and the probes that are kept with a case for "
    "longer than the days that the home's settings name.": "Erase what is overdue, with a receipt for each.",
}


@pytest.mark.parametrize("bad", BAD_AND_PLAIN)
def test_a_bad_sentence_is_found_and_its_plain_version_is_not(faults, bad):
    assert faults(bad)
    assert faults(BAD_AND_PLAIN[bad]) == []
