"""Statistics on plain arrays. Knows numpy and scipy; never texts, models, reports or the command line."""
