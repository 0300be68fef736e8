"""A soak: minutes of random churn on a real node, and then nothing may be left and nothing may have been wrong.

    python -m conformance.soak --minutes 30 [--seed N] [--engine 20.10|29] [--live-restore] [--plan-only]

    plan (pure, from the seed) ─▶ acts, one after the other, on a cluster of its own ─▶ log of acts (JSON lines)
                                   │                    │
       API watch ─▶ statuses ──────┤                    └─ quiet points: everything is healed, all pods become what
       engine events ─▶ engine ────┤                       they should be, API and engine agree
                                   ▼
                              violations        at the end: all is deleted, and `leaks` finds nothing on the node

The plan is a function of seed and length alone, so that a failure can be run again: `--seed` repeats the same acts at
the same offsets, as far as the machine keeps up. What an act finds (a container that has just ended) may differ.
"""
