"""Attribution: which of several candidate models wrote a text; every candidate is tested on every text."""
