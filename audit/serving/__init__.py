"""`llm-audit serve`: a web page and a JSON API over the library, in one process that loads the model once.

A thin layer: texts come in by HTTP, `llm_audit.detect` judges them one at a time on one thread, and reports go out. Knows
nothing about statistics, models and formats of files.

`settings` what the operator chose; `guard` who may ask; `uploads` what was sent; `jobs` and `worker` the queue and its one
thread; `api`, `pages` and `openapi` what is answered; `app` all of it as an application, `server` on a socket.
"""
