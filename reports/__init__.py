"""Reports: results in every format, and on the terminal. Nothing here judges, and nothing here knows a detector."""
