"""What strangers can send to a node, by the hundred thousand: `make fuzz`.

`targets.py` are the parsers and state machines without their transport, driven by a coverage-guided fuzzer (atheris, on
libFuzzer); `server.py` is the whole HTTP server over a socket, driven by requests from a grammar. Neither may crash,
hang, answer more than it was asked, or grow.
"""
