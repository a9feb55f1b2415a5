"""`llm-audit watermark`: whether texts carry the mark of a key, keys, marked texts to try it on, and endpoints."""

from llm_audit.cli import COMMANDS, group_of

WATERMARK = {
    "detect": "Does this text carry the mark of a key? An exact p-value for each key.",
    "generate": "Draw marked texts from a model, to try keys and schemes on.",
    "keygen": "Draw a key, and write it where only its owner can read it.",
    "probe": "Does an endpoint watermark its answers? Asked without a key, within a budget of requests.",
    "table": "Put the bits that transformers' SynthID draws on a device into a copy of a key.",
}
"""Name -> one line of help."""

KEY_IN_A_FILE = (
    "A key is never given by itself, where the list of processes and the shell's history show it: write it into a key file "
    "(mode 0600), and give --key-file FILE."
)

command = group_of(__name__, COMMANDS, WATERMARK)
