"""Keeps the processes of one machine running: who is started again, when, and who counts as hung.

``restarts``, ``watchdog`` and ``edges`` decide, given ``now``; ``children`` and ``stages`` are the driver;
``datafolder`` and ``ports`` look at the machine before anything starts.
"""
