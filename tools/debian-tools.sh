#!/bin/sh
# What the tests use from Debian: a browser, and strangers' programs. Where one cannot be had, this says so in one line,
# and so does each test that misses it. Always succeeds: the other checks are worth running.
set -u

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need chromium chromium
# Its pictures of the pages show reactions as people see them.
[ -f /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ] || missing="$missing fonts-noto-color-emoji"
need nginx nginx-light
need ffmpeg ffmpeg
need cvlc "vlc-bin vlc-plugin-base"
need liquidsoap liquidsoap
need haproxy haproxy
need icecast2 icecast2
need cc "gcc libc6-dev"
need ip iproute2
need openssl openssl
need setpriv util-linux
need wrk wrk
need siege siege
need slowhttptest slowhttptest
# Not on the PATH of whoever is not root; only root may make the network that it is let loose in.
need hping3 hping3
need janus janus
# Debian keeps its server's programs off the PATH, in a folder for each version.
command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 ||
    missing="$missing postgresql"
[ -f /usr/include/openssl/ssl.h ] || missing="$missing libssl-dev"
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "rostra: not root, or no apt-get; left out are the checks that need:$missing"
    exit 0
fi
echo "rostra: installing from Debian:$missing"
install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; }
apt-get update -qq >/dev/null 2>&1
# shellcheck disable=SC2086  # a list of words on purpose
if ! install $missing; then
    # One of them is not to be had here (a distribution without Debian's chromium, say): take the others one by one.
    left_out=""
    for package in $missing; do
        install "$package" || left_out="$left_out $package"
    done
    [ -z "$left_out" ] || echo "rostra: could not be installed; left out are the checks that need:$left_out"
fi
exit 0
