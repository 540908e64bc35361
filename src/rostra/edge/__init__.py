"""Parts to listeners: the front door.

Pure cores: :mod:`head` (request heads), :mod:`query` (LL-HLS directives), :mod:`negotiate`, :mod:`routes`,
:mod:`answers`, :mod:`framing`, :mod:`feed`, :mod:`unsent`, :mod:`ladder`, :mod:`onair`, :mod:`proxy_preamble`.
Drivers: :mod:`poller` (one epoll for all listeners), :mod:`conversation` (one HTTP/1.1 connection), :mod:`crowd`
(those to whom sound is pushed) and :mod:`front`, which has the loop, the timers and the listening socket.
"""
