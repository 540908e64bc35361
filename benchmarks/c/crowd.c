/* Listeners by the thousand in one thread: they join at a steady rate from many source addresses and listen until told
 * to stop. What each of them got is in its struct stream (stream.h); this file connects, reads, keeps the time and
 * adds up.
 *
 * Standard output gets one JSON line at each of: `joined` (everyone has sound, or ten seconds have passed since the
 * last began), every line that comes on standard input (`mark`; `log` marks too, and from then on it is written down
 * when each listener had which part whole, for --parts), and the end (standard input closed, the line `end`, or
 * --hold). All times are taken from the monotonic clock. Traffic goes to loopback addresses only.
 *
 * With --due all times count from when a listener was to come, though the crowd itself was late.
 * With --world N each connection says by a PROXY preamble that it comes from one of N networks of the world.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#include "stream.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define READ_BYTES (256 * 1024) /* a backlog of four seconds of the largest rendition, eight times over */
#define BATCH 512               /* events taken at once */
#define BURST 32                /* connections begun before events are looked at again */
#define SETTLE_US 10000000      /* `joined` is said this long after the last began, whoever still waits */
#define MAX_PARTS 4000000       /* written down: 96 MB */

enum state { UNBORN, CONNECTING, SHAKING, LISTENING, GONE };

struct listener {
    struct stream s;
    uint64_t begun_us;
    int fd;
    uint32_t connect_us;
    uint8_t state, watched, lost, failed, refused;
#ifdef WITH_TLS
    SSL *ssl;
#endif
};

static struct {
    const char *host, *path, *from, *raw, *sample_dir, *parts;
    int port, n, sources, stride, samples, tls, world, due;
    double rate, hold_s, start_at_s, start_buffer_s;
} opt = {.host = "127.0.0.1", .path = "/", .from = "127.1.0.0", .port = 8080, .n = 1, .sources = 16,
         .stride = 1, .rate = 1000, .hold_s = 600};

static struct listener *all;
static int poller;
static uint8_t buffer[READ_BYTES];
static char request[1024];
static size_t request_bytes;
static uint64_t reads, busiest_us, join_lag_us, first_begun_us, last_begun_us;

static struct tap {
    uint8_t *bytes;
    size_t have, room;
} *taps;

static struct arrival {
    uint64_t listener, time, at_us; /* its number; of the part's first sample, in the timescale; monotonic */
} *arrivals;
static size_t arrival_count;

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what) {
    fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void keep(int tap, const uint8_t *p, size_t n) {
    struct tap *t = &taps[tap];
    if (t->have + n > t->room) {
        t->room = (t->have + n) * 2;
        if (!(t->bytes = realloc(t->bytes, t->room))) die("memory for samples");
    }
    memcpy(t->bytes + t->have, p, n);
    t->have += n;
}

static void arrived(const struct stream *s, uint64_t now) {
    if (arrival_count == MAX_PARTS) return;
    uint64_t number = (uint64_t)((const struct listener *)s - all); /* the stream is what a listener begins with */
    arrivals[arrival_count++] = (struct arrival){number, s->pending_time, now};
}

static void leave(struct listener *l, int by_us) {
    if (l->state == GONE) return;
    if (!by_us) {
        int heard = l->s.first_sound_us != UINT32_MAX;
        l->lost = heard;
        l->refused = !heard && l->s.status && l->s.status != 200;
        l->failed = !heard && !l->refused;
    }
#ifdef WITH_TLS
    if (l->ssl) SSL_free(l->ssl);
    l->ssl = NULL;
#endif
    struct linger reset = {1, 0}; /* no TIME_WAIT left behind for the next run */
    if (l->fd >= 0) setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), close(l->fd);
    l->fd = -1;
    l->state = GONE;
    stream_free(&l->s);
}

static void watch(struct listener *l, uint32_t events) {
    struct epoll_event e = {.events = events, .data.u32 = (uint32_t)(l - all)};
    int op = l->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (l->watched != events && epoll_ctl(poller, op, l->fd, &e) < 0) die("epoll_ctl");
    l->watched = (uint8_t)events;
}

/* Of the i-th listener: within 127.0.0.0/8, but for its first and last address, which are none. */
static in_addr_t source_of(int i) {
    uint64_t first = (ntohl(inet_addr(opt.from)) & 0xffffff) + (uint64_t)(i % opt.sources) * (uint64_t)opt.stride;
    return htonl(0x7f000001 + (uint32_t)(first % 0xfffffe));
}

/* The PROXY preamble, version 2: from one of --world networks (/24) all over the world. Whether it left. */
static int introduce(struct listener *l) {
    uint32_t i = (uint32_t)(l - all), network = i % (uint32_t)opt.world * 2654435761u >> 8;
    uint32_t top = 11 + (network >> 16) % 100; /* 11.0.0.0 to 110.255.255.0: nobody's own network */
    struct __attribute__((packed)) {
        uint8_t sign[12], version, family;
        uint16_t size;
        uint32_t from, to;
        uint16_t from_port, to_port;
    } preamble = {"\r\n\r\n\0\r\nQUIT\n", 0x21, 0x11, htons(12), htonl(top << 24 | (network & 0xffff) << 8 | (i & 0xff)),
                  inet_addr(opt.host), htons((uint16_t)(1024 + i % 60000)), htons((uint16_t)opt.port)};
    return send(l->fd, &preamble, sizeof preamble, MSG_NOSIGNAL) == (ssize_t)sizeof preamble;
}

static void ask(struct listener *l) {
    ssize_t k;
#ifdef WITH_TLS
    if (l->ssl) k = SSL_write(l->ssl, request, (int)request_bytes);
    else
#endif
        k = send(l->fd, request, request_bytes, MSG_NOSIGNAL);
    if (k < 0 && errno == EAGAIN && l->state == CONNECTING) {
        watch(l, EPOLLOUT);
        return;
    }
    if (k != (ssize_t)request_bytes) {
        leave(l, 0);
        return;
    }
    if (l->connect_us == UINT32_MAX) l->connect_us = (uint32_t)(now_us() - l->begun_us);
    l->state = LISTENING;
    watch(l, EPOLLIN);
}

#ifdef WITH_TLS
static SSL_CTX *tls;

static void shake(struct listener *l) {
    if (!l->ssl) {
        if (!(l->ssl = SSL_new(tls))) die("SSL_new");
        SSL_set_fd(l->ssl, l->fd);
    }
    int r = SSL_connect(l->ssl);
    if (r == 1) {
        ask(l);
        return;
    }
    int e = SSL_get_error(l->ssl, r);
    ERR_clear_error();
    if (e == SSL_ERROR_WANT_READ) watch(l, EPOLLIN);
    else if (e == SSL_ERROR_WANT_WRITE) watch(l, EPOLLOUT);
    else leave(l, 0);
}

/* 1: there was something, 0: not now, -1: over */
static int tls_read(struct listener *l, ssize_t *n) {
    int r = SSL_read(l->ssl, buffer, sizeof buffer);
    *n = r;
    if (r > 0) return 1;
    int e = SSL_get_error(l->ssl, r);
    ERR_clear_error();
    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}
#endif

static void hear(struct listener *l) {
    ssize_t n;
#ifdef WITH_TLS
    if (l->ssl) { /* what OpenSSL holds back does not wake epoll: read until it has nothing */
        int r;
        while ((r = tls_read(l, &n)) == 1) {
            reads++;
            stream_feed(&l->s, buffer, (size_t)n, l->begun_us, now_us());
        }
        if (r < 0 || l->s.phase >= ENDED) leave(l, 0);
        return;
    }
#endif
    n = recv(l->fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    reads++;
    if (n > 0) stream_feed(&l->s, buffer, (size_t)n, l->begun_us, now_us());
    if (n <= 0 || l->s.phase >= ENDED) leave(l, 0);
}

static void begin(int i, uint64_t now) {
    struct listener *l = &all[i];
    stream_begin(&l->s);
    if (opt.samples && i % (opt.n / opt.samples) == 0 && i / (opt.n / opt.samples) < opt.samples)
        l->s.tap = (int16_t)(i / (opt.n / opt.samples));
    l->begun_us = now;
    l->connect_us = UINT32_MAX;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (l->fd < 0) die("socket");
    int one = 1;
    setsockopt(l->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = source_of(i);
    if (bind(l->fd, (struct sockaddr *)&a, sizeof a) < 0) die("bind");
    a.sin_addr.s_addr = inet_addr(opt.host);
    a.sin_port = htons((uint16_t)opt.port);
    l->state = CONNECTING;
    if (connect(l->fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS) leave(l, 0);
    else if (opt.tls || opt.world) watch(l, EPOLLOUT);
    else ask(l); /* on loopback the connection mostly stands by now, and half the calls of a join are spared */
}

static void serve(struct listener *l, uint32_t events) {
    if (l->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error || (events & EPOLLERR)) {
            leave(l, 0);
            return;
        }
        l->connect_us = (uint32_t)(now_us() - l->begun_us);
        if (opt.world && !introduce(l)) {
            leave(l, 0);
            return;
        }
        l->state = opt.tls ? SHAKING : LISTENING;
        if (!opt.tls) ask(l);
    }
#ifdef WITH_TLS
    if (l->state == SHAKING) {
        shake(l);
        return;
    }
#endif
    if (l->state == LISTENING && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) hear(l);
}

static int waiting(void) {
    int n = 0;
    for (int i = 0; i < opt.n; i++)
        n += all[i].state != GONE && all[i].s.first_sound_us == UINT32_MAX;
    return n;
}

static void say(const char *event, uint64_t now) {
    uint64_t wire = 0, body = 0, media_us = 0, underruns = 0, underrun_us = 0, inits = 0;
    int heard = 0, alive = 0, lost = 0, failed = 0, refused = 0, gaps = 0, again = 0, silent = 0, broken = 0;
    for (int i = 0; i < opt.n; i++) {
        struct listener *l = &all[i];
        if (l->state == UNBORN) continue;
        heard += l->s.first_sound_us != UINT32_MAX;
        alive += l->state == LISTENING;
        lost += l->lost, failed += l->failed, refused += l->refused;
        gaps += l->s.gaps > 0, again += l->s.again > 0, silent += l->s.underruns > 0;
        broken += l->s.phase == BROKEN;
        media_us += l->s.media_us, wire += l->s.wire_bytes, body += l->s.body_bytes, inits += l->s.inits;
        underruns += l->s.underruns, underrun_us += l->s.underrun_us;
    }
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("{\"event\":\"%s\",\"at_s\":%.6f,\"listeners\":%d,\"heard\":%d,\"alive\":%d,\"lost\":%d,\"failed\":%d,"
           "\"refused\":%d,\"broken\":%d,\"gaps\":%d,\"again\":%d,\"underran\":%d,\"underruns\":%llu,"
           "\"underrun_s\":%.3f,\"sound_s\":%.3f,\"inits\":%llu,\"wire_bytes\":%llu,\"body_bytes\":%llu,\"reads\":%llu,"
           "\"joining_s\":%.6f,\"join_lag_ms\":%.3f,\"busiest_ms\":%.3f,\"cpu_s\":%.3f}\n",
           event, now / 1e6, opt.n, heard, alive, lost, failed, refused, broken, gaps, again, silent,
           (unsigned long long)underruns, underrun_us / 1e6, media_us / 1e6, (unsigned long long)inits,
           (unsigned long long)wire, (unsigned long long)body, (unsigned long long)reads,
           (last_begun_us - first_begun_us) / 1e6, join_lag_us / 1e3, busiest_us / 1e3,
           use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    fflush(stdout);
    busiest_us = 0;
}

/* One record a listener, eight u32: connect, first byte, first sound, start (us; UINT32_MAX: never), underruns,
 * silent us, gaps + parts again, lost | failed << 1 | refused << 2 | status << 16. */
static void write_raw(void) {
    FILE *f = fopen(opt.raw, "wb");
    if (!f) die(opt.raw);
    for (int i = 0; i < opt.n; i++) {
        struct listener *l = &all[i];
        uint32_t record[8] = {l->connect_us, l->s.first_byte_us, l->s.first_sound_us, l->s.start_us,
                              l->s.underruns, l->s.underrun_us, (uint32_t)l->s.gaps + l->s.again,
                              (uint32_t)l->lost | (uint32_t)l->failed << 1 | (uint32_t)l->refused << 2 |
                                  (uint32_t)l->s.status << 16};
        fwrite(record, sizeof record, 1, f);
    }
    if (fclose(f)) die(opt.raw);
}

static void write_parts(void) {
    FILE *f = fopen(opt.parts, "wb");
    if (!f || fwrite(arrivals, sizeof *arrivals, arrival_count, f) != arrival_count || fclose(f)) die(opt.parts);
}

static void write_samples(void) {
    char name[4096];
    for (int i = 0; i < opt.samples; i++) {
        snprintf(name, sizeof name, "%s/%d-%d.stream", opt.sample_dir, (int)getpid(), i);
        FILE *f = fopen(name, "wb");
        if (!f || fwrite(taps[i].bytes, 1, taps[i].have, f) != taps[i].have || fclose(f)) die(name);
    }
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"path", 1, 0, 'u'}, {"listeners", 1, 0, 'n'},
        {"rate", 1, 0, 'r'}, {"hold", 1, 0, 's'}, {"from", 1, 0, 'f'}, {"sources", 1, 0, 'a'},
        {"mpeg", 1, 0, 'm'}, {"start-buffer", 1, 0, 'b'}, {"start-at", 1, 0, 't'}, {"raw", 1, 0, 'w'},
        {"samples", 1, 0, 'k'}, {"stride", 1, 0, 'j'}, {"sample-dir", 1, 0, 'd'}, {"tls", 0, 0, 'x'},
        {"parts", 1, 0, 'l'}, {"world", 1, 0, 'o'}, {"due", 0, 0, 'y'}, {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (c) {
            case 'h': opt.host = optarg; break;
            case 'p': opt.port = atoi(optarg); break;
            case 'u': opt.path = optarg; break;
            case 'n': opt.n = atoi(optarg); break;
            case 'r': opt.rate = atof(optarg); break;
            case 's': opt.hold_s = atof(optarg); break;
            case 'f': opt.from = optarg; break;
            case 'a': opt.sources = atoi(optarg); break;
            case 'j': opt.stride = atoi(optarg); break;
            case 'm': terms.sound = SOUND_MPEG, terms.mpeg_bit_rate = (uint32_t)atoi(optarg); break;
            case 'b': opt.start_buffer_s = atof(optarg); break;
            case 't': opt.start_at_s = atof(optarg); break;
            case 'w': opt.raw = optarg; break;
            case 'k': opt.samples = atoi(optarg); break;
            case 'd': opt.sample_dir = optarg; break;
            case 'x': opt.tls = 1; break;
            case 'l': opt.parts = optarg; break;
            case 'y': opt.due = 1; break;
            case 'o': opt.world = atoi(optarg); break;
            default: exit(2);
            }
    int bad = opt.n < 1 || opt.rate <= 0 || opt.sources < 1 || opt.stride < 1 || opt.world < 0 ||
              opt.samples > opt.n || terms.mpeg_bit_rate < 8000 || (opt.samples && !opt.sample_dir) ||
              ntohl(inet_addr(opt.host)) >> 24 != 127 || ntohl(inet_addr(opt.from)) >> 24 != 127;
#ifndef WITH_TLS
    bad |= opt.tls;
#endif
    if (bad) {
        fprintf(stderr, "crowd: these options cannot be used together, or an address is not in 127.0.0.0/8\n");
        exit(2);
    }
    terms.start_buffer_us = (uint32_t)(opt.start_buffer_s * 1e6);
}

static void set_up(void) {
    all = calloc((size_t)opt.n, sizeof *all);
    taps = calloc((size_t)opt.samples + 1, sizeof *taps);
    poller = epoll_create1(0);
    if (opt.parts) arrivals = malloc(MAX_PARTS * sizeof *arrivals);
    if (!all || !taps || poller < 0 || (opt.parts && !arrivals)) die("set up");
    stream_tap = keep;
    request_bytes = (size_t)snprintf(request, sizeof request,
                                     "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: crowd\r\nAccept: */*\r\n\r\n",
                                     opt.path, opt.host, opt.port);
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    fcntl(0, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e) < 0) die("standard input must be a pipe");
#ifdef WITH_TLS
    if (opt.tls) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS); /* the crowd's own memory shares the machine */
        SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    }
#endif
}

/* Whether standard input says that it is over. */
static int told(uint64_t now) {
    char line[64];
    ssize_t n = read(0, line, sizeof line - 1);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) return 1;
    line[n] = 0;
    if (strstr(line, "end")) return 1;
    if (strstr(line, "log") && opt.parts) stream_part = arrived;
    say("mark", now);
    return 0;
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    set_up();
    uint64_t start = opt.start_at_s > 0 ? (uint64_t)(opt.start_at_s * 1e6) : now_us();
    uint64_t joined_us = 0, next_look = 0;
    int begun = 0, over = 0;
    struct epoll_event events[BATCH];
    while (!over) {
        uint64_t now = now_us();
        for (int burst = 0; begun < opt.n && burst < BURST; burst++) {
            uint64_t due = start + (uint64_t)(begun * 1e6 / opt.rate);
            if (now < due) break;
            if (now - due > join_lag_us) join_lag_us = now - due;
            if (!begun) first_begun_us = now;
            begin(begun++, opt.due ? due : now);
            last_begun_us = now = now_us();
        }
        int behind = begun < opt.n && now >= start + (uint64_t)(begun * 1e6 / opt.rate);
        int n = epoll_wait(poller, events, BATCH, behind ? 0 : begun < opt.n ? 1 : 100);
        uint64_t woken = now_us();
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == UINT32_MAX) over |= told(now_us());
            else serve(&all[events[i].data.u32], events[i].events);
        }
        now = now_us();
        if (now - woken > busiest_us) busiest_us = now - woken;
        if (begun == opt.n && !joined_us && now >= next_look) {
            next_look = now + 50000;
            if (!waiting() || now > last_begun_us + SETTLE_US) say("joined", joined_us = now);
        }
        over |= joined_us && now > joined_us + (uint64_t)(opt.hold_s * 1e6);
    }
    uint64_t end = now_us();
    for (int i = 0; i < begun; i++)
        if (all[i].state == LISTENING) stream_close(&all[i].s, end);
    say("end", end);
    if (opt.raw) write_raw();
    if (opt.sample_dir) write_samples();
    if (opt.parts) write_parts();
    for (int i = 0; i < begun; i++) leave(&all[i], 1);
    return 0;
}
