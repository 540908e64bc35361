"""Parts to listeners: the front door.

Pure cores: :mod:`head` (request heads), :mod:`query` (directives, tokens), :mod:`letters` (what listeners send),
:mod:`negotiate`, :mod:`routes`, :mod:`answers`, :mod:`documents`, :mod:`framing`, :mod:`feed`, :mod:`unsent`,
:mod:`ladder`, :mod:`quota`, :mod:`guests`, :mod:`proxy_preamble`. Drivers: :mod:`poller` (one epoll for all),
:mod:`conversation` (one HTTP/1.1 connection), :mod:`crowd` (those to whom sound goes), :mod:`errands` (what the bus
must do first) and :mod:`front`, which has the loop, the timers and the listening socket.
"""
