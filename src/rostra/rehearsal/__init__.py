"""A crowd as it will be, and those who come to break the evening, aimed at a Rostra that agreed to it.

What a listener hears, how a network behaves, when people come and what an attack sends is pure and seeded; one epoll
driver a process (``generator``) does what it says. Nothing here knows another room of the house: a rehearsal sees the
outside contract and ``wire``, as a listener does (docs/topics/rehearsal.md).
"""
