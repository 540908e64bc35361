/* Visitors by the thousand in one thread who ask for something small, at a steady rate that a clock gives and not the
 * answers, from many source addresses. Each keeps one connection (or, with --once, opens one for each request), has at
 * most --deep requests unanswered and owes the others: what is due and not sent is counted as such.
 *
 * With --greet the first request is the greeting of each connection: it is not counted, and its answer waited for.
 *
 * Requests come from a file: length (u32, little endian), bytes, again and again. Standard output gets one JSON line
 * for every line on standard input and one at the end: when all that was due is answered, three seconds after the
 * last was due, or when standard input closes. --raw FILE: two u32 an answer, status and microseconds since it was due.
 * All times are taken from the monotonic clock. Traffic goes to loopback addresses only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define MAX_HEAD 2048          /* an answer's head longer than this is not ours */
#define READ_BYTES (64 * 1024) /* some hundred answers */
#define BATCH 512              /* events taken at once */
#define BURST 256              /* requests that come due before events are looked at again */
#define MAX_RAW 8000000        /* answers whose time is kept: 64 MB */
#define PATIENCE_US 3000000    /* after the last was due */
#define STATUSES 600

enum state { CLOSED, CONNECTING, OPEN };

struct visitor {
    int fd;
    uint8_t state, blocked, in_body, greeted; /* 1: the greeting left, 2: it was answered */
    uint16_t status, have;
    uint32_t due, sent, answered; /* requests of this visitor */
    uint32_t body_left;
    char *out; /* what did not leave at once */
    uint32_t out_have, out_at;
    char head[MAX_HEAD];
};

static struct {
    const char *host, *from, *raw, *requests;
    int port, visitors, addresses, bundle, deep, once, greet;
    double rate, seconds, start_at_s;
} opt = {.host = "127.0.0.1", .from = "127.64.0.0", .port = 8080, .visitors = 1, .addresses = 1, .bundle = 1,
         .deep = 1, .rate = 100, .seconds = 1};

static struct { const uint8_t *bytes; uint32_t size; } *requests;
static uint32_t request_count, largest;
static struct visitor *all;
static int poller;
static uint64_t start_us, total, due_count, sent_count, answered, broken, refused, lag_us, raw_count;
static uint64_t statuses[STATUSES];
static uint32_t *raw;
static char buffer[READ_BYTES];

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what) {
    fprintf(stderr, "knock: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Which of all requests is the j-th of a visitor. */
static uint64_t number(const struct visitor *v, uint32_t j) {
    uint64_t turn = j / (uint32_t)opt.bundle, rest = j % (uint32_t)opt.bundle;
    return (turn * (uint64_t)opt.visitors + (uint64_t)(v - all)) * (uint64_t)opt.bundle + rest;
}

/* The bytes of the k-th of all requests. */
static uint32_t bytes_of(uint64_t k, const uint8_t **bytes) {
    uint64_t i = opt.greet ? 1 + k % (request_count - 1) : k % request_count;
    *bytes = requests[i].bytes;
    return requests[i].size;
}

static uint64_t due_at(uint64_t k) { return start_us + (uint64_t)(k * 1e6 / opt.rate); }

static void hang_up(struct visitor *v) {
    struct linger reset = {1, 0}; /* no TIME_WAIT left behind for the next run */
    if (v->fd >= 0) setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), close(v->fd);
    v->fd = -1;
    broken += v->sent - v->answered;
    v->answered = v->sent;
    v->state = CLOSED;
    v->blocked = v->in_body = v->greeted = 0;
    v->have = 0;
    v->body_left = v->out_have = v->out_at = 0;
}

/* Whether the next request left, whole, right after the call: otherwise it is sent once the connection stands. */
static int ask_at_once(struct visitor *v) {
    const uint8_t *bytes;
    uint32_t size = bytes_of(number(v, v->sent), &bytes);
    if (send(v->fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) return 0;
    v->state = OPEN;
    v->sent++;
    sent_count++;
    return 1;
}

static void dial(struct visitor *v) {
    v->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (v->fd < 0) die("socket");
    int one = 1;
    setsockopt(v->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (!opt.once) setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET};
    uint64_t which = number(v, v->sent) / (uint64_t)opt.bundle % (uint64_t)opt.addresses;
    a.sin_addr.s_addr = htonl(ntohl(inet_addr(opt.from)) + 1 + (uint32_t)which);
    if (bind(v->fd, (struct sockaddr *)&a, sizeof a) < 0) die("bind");
    a.sin_addr.s_addr = inet_addr(opt.host);
    a.sin_port = htons((uint16_t)opt.port);
    v->state = CONNECTING;
    if (connect(v->fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS) {
        refused++;
        v->sent++;
        sent_count++;
        hang_up(v);
        return;
    }
    int standing = opt.once && ask_at_once(v); /* on loopback it mostly stands by now: three calls are spared */
    struct epoll_event e = {.events = standing ? EPOLLIN : EPOLLOUT, .data.u32 = (uint32_t)(v - all)};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, v->fd, &e) < 0) die("epoll_ctl");
}

static void wait_for(struct visitor *v, uint32_t events) {
    struct epoll_event e = {.events = events, .data.u32 = (uint32_t)(v - all)};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, v->fd, &e) < 0) die("epoll_ctl");
}

/* Send what is owed, as far as it may. */
static void push(struct visitor *v) {
    if (v->state == CLOSED && v->due > v->sent) dial(v);
    while (v->state == OPEN) {
        if (opt.greet && !v->greeted) {
            memcpy(v->out, requests[0].bytes, v->out_have = requests[0].size);
            v->greeted = 1;
        }
        while (v->due > v->sent && v->greeted != 1 && v->sent - v->answered < (uint32_t)(opt.once ? 1 : opt.deep) &&
               v->out_have + largest <= largest * (uint32_t)opt.deep) {
            const uint8_t *bytes;
            uint32_t size = bytes_of(number(v, v->sent), &bytes);
            memcpy(v->out + v->out_have, bytes, size);
            v->out_have += size;
            v->sent++;
            sent_count++;
        }
        if (v->out_at == v->out_have) return;
        ssize_t n = send(v->fd, v->out + v->out_at, v->out_have - v->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) {
            hang_up(v);
            return;
        }
        if (n > 0) v->out_at += (uint32_t)n;
        if (v->out_at < v->out_have) {
            if (!v->blocked) wait_for(v, EPOLLIN | EPOLLOUT);
            v->blocked = 1;
            return;
        }
        v->out_have = v->out_at = 0;
        if (v->blocked) wait_for(v, EPOLLIN);
        v->blocked = 0;
    }
}

static void note(struct visitor *v, uint64_t now) {
    uint64_t due = due_at(number(v, v->answered));
    v->answered++;
    answered++;
    statuses[v->status < STATUSES ? v->status : 0]++;
    if (!raw || raw_count >= MAX_RAW) return;
    raw[2 * raw_count] = v->status;
    raw[2 * raw_count + 1] = now > due ? (uint32_t)(now - due) : 0;
    raw_count++;
}

static void read_head(struct visitor *v) {
    v->head[v->have] = 0;
    v->status = v->have > 12 ? (uint16_t)atoi(v->head + 9) : 0;
    const char *size = strcasestr(v->head, "\r\ncontent-length:");
    v->body_left = size ? (uint32_t)atoi(size + 17) : 0;
    v->have = 0;
    v->in_body = 1;
}

/* -1: no answer of HTTP, or more than was asked for */
static int take(struct visitor *v, const char *p, size_t n, uint64_t now) {
    while (n) {
        if (!v->in_body) {
            size_t old = v->have, room = MAX_HEAD - 1 - old, k = n < room ? n : room;
            if ((v->answered == v->sent && v->greeted != 1) || !k) return -1;
            memcpy(v->head + old, p, k);
            size_t from = old > 3 ? old - 3 : 0;
            char *end = memmem(v->head + from, old + k - from, "\r\n\r\n", 4);
            size_t used = end ? (size_t)(end - v->head) + 4 - old : k;
            v->have = (uint16_t)(old + used);
            p += used, n -= used;
            if (end) read_head(v);
        }
        if (v->in_body) {
            size_t k = n < v->body_left ? n : v->body_left;
            v->body_left -= (uint32_t)k, p += k, n -= k;
            if (v->body_left) return 0;
            v->in_body = 0;
            if (v->greeted == 1) v->greeted = 2;
            else note(v, now);
        }
    }
    return 0;
}

static void serve(struct visitor *v, uint32_t events) {
    if (v->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error || (events & EPOLLERR)) {
            refused++;
            v->sent++; /* one is given up, so that a closed door is not knocked at for ever */
            sent_count++;
            hang_up(v);
        } else {
            v->state = OPEN;
            wait_for(v, EPOLLIN);
        }
    } else if (v->state == OPEN && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) {
        ssize_t n = recv(v->fd, buffer, sizeof buffer, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) n = 0;
        else if (n <= 0 || take(v, buffer, (size_t)n, now_us()) < 0) hang_up(v);
        else if (opt.once && v->answered == v->sent) hang_up(v);
    }
    push(v);
}

static void say(const char *event, uint64_t now) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("{\"event\":\"%s\",\"at_s\":%.6f,\"due\":%llu,\"sent\":%llu,\"answered\":%llu,\"broken\":%llu,"
           "\"refused\":%llu,\"lag_ms\":%.3f,\"cpu_s\":%.3f,\"statuses\":{",
           event, now / 1e6, (unsigned long long)due_count, (unsigned long long)sent_count,
           (unsigned long long)answered, (unsigned long long)broken, (unsigned long long)refused, lag_us / 1e3,
           use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    const char *comma = "";
    for (int i = 0; i < STATUSES; i++)
        if (statuses[i]) printf("%s\"%d\":%llu", comma, i, (unsigned long long)statuses[i]), comma = ",";
    printf("}}\n");
    fflush(stdout);
}

static void read_requests(void) {
    FILE *f = fopen(opt.requests, "rb");
    if (!f) die(opt.requests);
    uint32_t size, room = 0;
    while (fread(&size, sizeof size, 1, f) == 1) {
        uint8_t *bytes = malloc(size);
        if (request_count == room) {
            room = room ? 2 * room : 64;
            requests = realloc(requests, room * sizeof *requests);
        }
        if (!bytes || !requests || fread(bytes, 1, size, f) != size) die(opt.requests);
        requests[request_count].bytes = bytes;
        requests[request_count++].size = size;
        if (size > largest) largest = size;
    }
    fclose(f);
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"requests", 1, 0, 'q'}, {"rate", 1, 0, 'r'},
        {"seconds", 1, 0, 's'}, {"visitors", 1, 0, 'n'}, {"addresses", 1, 0, 'a'}, {"from", 1, 0, 'f'},
        {"bundle", 1, 0, 'b'}, {"deep", 1, 0, 'd'}, {"once", 0, 0, 'o'}, {"start-at", 1, 0, 't'},
        {"raw", 1, 0, 'w'}, {"greet", 0, 0, 'g'}, {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (c) {
            case 'h': opt.host = optarg; break;
            case 'p': opt.port = atoi(optarg); break;
            case 'q': opt.requests = optarg; break;
            case 'r': opt.rate = atof(optarg); break;
            case 's': opt.seconds = atof(optarg); break;
            case 'n': opt.visitors = atoi(optarg); break;
            case 'a': opt.addresses = atoi(optarg); break;
            case 'f': opt.from = optarg; break;
            case 'b': opt.bundle = atoi(optarg); break;
            case 'd': opt.deep = atoi(optarg); break;
            case 'o': opt.once = 1; break;
            case 'g': opt.greet = 1; break;
            case 't': opt.start_at_s = atof(optarg); break;
            case 'w': opt.raw = optarg; break;
            default: exit(2);
            }
    if (opt.visitors < 1 || opt.addresses < 1 || opt.bundle < 1 || opt.deep < opt.bundle || opt.rate <= 0 ||
        !opt.requests || ntohl(inet_addr(opt.host)) >> 24 != 127 || ntohl(inet_addr(opt.from)) >> 24 != 127) {
        fprintf(stderr, "knock: these options cannot be used together, or an address is not in 127.0.0.0/8\n");
        exit(2);
    }
}

static void set_up(void) {
    read_requests();
    if (request_count <= (uint32_t)opt.greet) die("no requests");
    all = calloc((size_t)opt.visitors, sizeof *all);
    poller = epoll_create1(0);
    if (!all || poller < 0) die("set up");
    for (int i = 0; i < opt.visitors; i++) {
        all[i].fd = -1;
        if (!(all[i].out = malloc((size_t)largest * (size_t)opt.deep))) die("set up");
    }
    if (opt.raw && !(raw = malloc(2 * MAX_RAW * sizeof *raw))) die("set up");
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    fcntl(0, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e) < 0) die("standard input must be a pipe");
    total = (uint64_t)(opt.rate * opt.seconds);
    start_us = opt.start_at_s > 0 ? (uint64_t)(opt.start_at_s * 1e6) : now_us();
}

/* Whether standard input says that it is over. */
static int told(uint64_t now) {
    char line[64];
    ssize_t n = read(0, line, sizeof line);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) return 1;
    say("mark", now);
    return 0;
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    set_up();
    struct epoll_event events[BATCH];
    uint64_t last_us = due_at(total);
    for (int over = 0; !over;) {
        uint64_t now = now_us();
        for (int burst = 0; due_count < total && burst < BURST && now >= due_at(due_count); burst++) {
            uint64_t late = now - due_at(due_count);
            if (late > lag_us) lag_us = late;
            struct visitor *v = &all[due_count / (uint64_t)opt.bundle % (uint64_t)opt.visitors];
            v->due++;
            due_count++;
            if (due_count % (uint64_t)opt.bundle == 0 || due_count == total) push(v);
        }
        int behind = due_count < total && now >= due_at(due_count);
        int n = epoll_wait(poller, events, BATCH, behind ? 0 : 1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == UINT32_MAX) over |= told(now_us());
            else serve(&all[events[i].data.u32], events[i].events);
        }
        now = now_us();
        over |= due_count == total && (answered + broken >= total || now > last_us + PATIENCE_US);
    }
    say("end", now_us());
    if (opt.raw) {
        FILE *f = fopen(opt.raw, "wb");
        if (!f || fwrite(raw, 2 * sizeof *raw, raw_count, f) != raw_count || fclose(f)) die(opt.raw);
    }
    return 0;
}
