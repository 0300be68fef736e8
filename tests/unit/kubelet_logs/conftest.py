"""pytest-asyncio saves the thread's event loop before it makes its own; where none was set, Python 3.11 makes one for
the asking and nobody closes it. Say that there is none."""

import asyncio

asyncio.set_event_loop(None)
