#!/bin/sh
# What the tests use from Debian: a browser, and strangers' programs. Where apt-get cannot be used, each test that
# misses its tool says so in one line.
set -u
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need chromium chromium
need nginx nginx-light
need ffmpeg ffmpeg
need cvlc "vlc-bin vlc-plugin-base"
need liquidsoap liquidsoap
need haproxy haproxy
need icecast2 icecast2
need gcc "gcc libc6-dev"
need ip iproute2
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "rostra: installing from Debian:$missing"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
        echo "rostra: could not install:$missing; the checks that need them are left out"
else
    echo "rostra: not root or no apt-get, so these are missing:$missing; the checks that need them are left out"
fi
exit 0
