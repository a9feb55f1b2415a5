"""Notes on an endpoint that was probed for watermarks."""

from __future__ import annotations

from llm_audit.common.templates import Template

NO_CHOICES = Template(
    "{unread:count} answers hold none of the words: the endpoint does not follow, and choices were not tested."
)
NO_LOGPROBS = Template("The endpoint returns no log-probabilities, without which repeated answers cannot be weighed.")
"""As 0.2.0 said it."""

NO_REPEATS = Template("Repeated answers cannot be weighed without texts and sound log-probabilities. {why:words}")
UNANSWERED = Template("{failed:count} of {requests:count} questions got no answer; the first: {reason:words}")
NOBODY_ANSWERED = Template("None of the first {failed:count} questions got an answer; the other {rest:count} were not asked.")

NOTES = (NO_CHOICES, NO_LOGPROBS, NO_REPEATS, UNANSWERED, NOBODY_ANSWERED)
"""All of them, in their order."""
