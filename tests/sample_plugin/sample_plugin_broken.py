"""A plugin that does not import: it must not stop the others."""

raise ImportError("this plugin needs a library that is not there")
