"""Who gets in when all come at once. Pure: values in, values out, and told the time.

An edge asks before it gives anything that costs, and never waits for an answer: all that is needed is in its memory,
and that is as much for a million strangers as for ten. What edges must agree on (keys, who is called, who was seated)
comes over the bus as values of ``wire.passes`` and ``wire.door``; ``processes/edge.py`` brings them.

``waiting`` says who is called next, ``challenge`` what newcomers without a pass pay with.
"""
