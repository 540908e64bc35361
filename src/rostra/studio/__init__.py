"""The stage door: what hosts, speakers and operators reach. The public never comes here.

``rooms`` and ``links`` decide; ``api``, ``whip`` and ``pages`` are routes; ``guard`` and ``connections`` bound what a
client may cost; ``source_port`` is the door of its own for Icecast source clients.
"""
