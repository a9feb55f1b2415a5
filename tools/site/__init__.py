"""The documentation: what of it is generated, how its pages are put in order, and what must hold of them.

`make docs` builds it strictly and offline. Generated pages are not kept in the repository: `pages.every_page()` makes them, for
the site and for the tests alike.
"""
