import asyncio

# looptime's plugin asks the policy for a loop in tests that have none; without this the policy makes one and leaks it.
asyncio.set_event_loop(None)
