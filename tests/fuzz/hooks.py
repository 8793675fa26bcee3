"""What Schemathesis must know beside the document."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leaves out values of other types in a form: there everything is text, so they are no wrong types."""
    if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
        return True
    return all(_is_sent_as_it_is(value) for value in case.body.values())


def _is_sent_as_it_is(value: Any) -> bool:
    """Texts and files, also several of a name."""
    return all(isinstance(one, str | bytes) for one in (value if isinstance(value, list) else [value]))
