/* The plain C peer: a loop that does nothing but accept listeners and, each flush, send every one of them the same
 * bytes with one send(). What it costs is what the kernel takes; the edge is held against it.
 *
 * The bytes are chunks of well-formed CMAF parts (no sound in them) of the size asked for, so that the crowd checks
 * their order. The faults are negative controls: a crowd that finds nothing wrong then finds nothing at all.
 *
 * Prints `ready PORT`; ends when standard input closes, with one JSON line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PART_SAMPLES 24000   /* half a second at 48 kHz */
#define MAX_FILES (1 << 17)  /* more than any limit on open files here */
#define PART_OVERHEAD 104    /* moof with mfhd, tfhd, tfdt, trun, and the head of mdat */
#define CHUNK_OVERHEAD 12    /* eight hex digits and two CRLF */
#define MAX_FLUSH (1 << 20)

static struct {
    int port, bytes, backlog, skip, stall, cut;
    double flush_s;
} opt = {.bytes = 4096, .backlog = 2, .flush_s = 1.0};

static uint8_t flush[MAX_FLUSH], older[MAX_FLUSH], init[256];
static size_t flush_bytes, older_bytes, init_bytes;
static int joined[MAX_FILES], count, place[MAX_FILES];
static uint32_t sequence;
static unsigned long long sends, shorts, sent;

static void die(const char *what) {
    fprintf(stderr, "loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static uint8_t *put32(uint8_t *p, uint32_t v) {
    *p++ = v >> 24, *p++ = v >> 16, *p++ = v >> 8, *p++ = v;
    return p;
}

static uint8_t *put_box(uint8_t *p, uint32_t size, const char *type) {
    p = put32(p, size);
    memcpy(p, type, 4);
    return p + 4;
}

static void make_init(void) {
    uint8_t *p = put_box(init, 16, "ftyp");
    memcpy(p, "cmf2\0\0\0\0", 8);
    p = put_box(p + 8, 8 + 8 + 8 + 32 + 8 + 32, "moov");
    p = put_box(p, 8 + 8 + 32, "trak");
    p = put_box(p, 8 + 32, "mdia");
    p = put_box(p, 32, "mdhd");
    memset(p, 0, 24);
    put32(p + 12, 48000);
    p = put_box(p + 24, 8 + 32, "mvex");
    p = put_box(p, 32, "trex");
    memset(p, 0, 24);
    init_bytes = (size_t)(p + 24 - init);
}

/* One part of `size` bytes: sequence number, time of its first sample, one run of 25 samples of 20 ms. */
static uint8_t *put_part(uint8_t *p, uint32_t number, size_t size) {
    uint64_t time = (uint64_t)number * PART_SAMPLES;
    p = put_box(p, 96, "moof");
    p = put32(put32(put_box(p, 16, "mfhd"), 0), number);
    p = put_box(p, 72, "traf");
    p = put32(put32(put32(put_box(p, 20, "tfhd"), 0x020008), 1), PART_SAMPLES / 25);
    p = put32(put32(put32(put_box(p, 20, "tfdt"), 0x01000000), (uint32_t)(time >> 32)), (uint32_t)time);
    p = put32(put32(put32(put_box(p, 24, "trun"), 0x000001), 25), PART_OVERHEAD);
    p = put32(p, 0); /* room in the run's box, so that the sizes stay round */
    p = put_box(p, (uint32_t)(size - 96), "mdat");
    memset(p, 0x5a, size - PART_OVERHEAD);
    return p + size - PART_OVERHEAD;
}

static size_t put_chunk(uint8_t *out, const uint8_t *lead, size_t lead_bytes, int parts, size_t body) {
    uint8_t *p = out + sprintf((char *)out, "%08zx\r\n", lead_bytes + body);
    memcpy(p, lead, lead_bytes);
    p += lead_bytes;
    for (int i = 0; i < parts; i++) {
        size_t size = body / (size_t)(parts - i);
        p = put_part(p, sequence++, size);
        body -= size;
    }
    memcpy(p, "\r\n", 2);
    return (size_t)(p + 2 - out);
}

static void make_flush(int parts) {
    memcpy(older, flush, older_bytes = flush_bytes);
    flush_bytes = put_chunk(flush, NULL, 0, parts, (size_t)opt.bytes - CHUNK_OVERHEAD);
}

static void leave(int fd) {
    if (place[fd] >= 0) {
        int last = joined[--count];
        joined[place[fd]] = last;
        place[last] = place[fd];
        place[fd] = -1;
    }
    close(fd);
}

static void greet(int fd) {
    char in[2048];
    ssize_t n = recv(fd, in, sizeof in, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        leave(fd);
        return;
    }
    if (place[fd] >= 0 || !memmem(in, (size_t)n, "\r\n\r\n", 4)) return;
    static uint8_t out[2 * MAX_FLUSH + 1024];
    size_t at = (size_t)sprintf((char *)out, "HTTP/1.1 200 OK\r\nContent-Type: audio/mp4\r\n"
                                             "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", init_bytes);
    memcpy(out + at, init, init_bytes);
    at += init_bytes;
    memcpy(out + at, "\r\n", 2);
    at += 2;
    if (opt.backlog > 1) memcpy(out + at, older, older_bytes), at += older_bytes;
    if (opt.backlog > 0) memcpy(out + at, flush, flush_bytes), at += flush_bytes;
    if (send(fd, out, at, MSG_NOSIGNAL) != (ssize_t)at) {
        leave(fd);
        return;
    }
    place[fd] = count;
    joined[count++] = fd;
}

static void send_all(uint32_t round) {
    for (int i = count - 1; i >= 0; i--) {
        int fd = joined[i];
        if (opt.skip && i % opt.skip == 0 && round % 4 == 3) continue;
        if (opt.stall && i % opt.stall == 0 && round >= 4) continue;
        if (opt.cut && i % opt.cut == 0 && round == 4) {
            leave(fd);
            continue;
        }
        ssize_t n = send(fd, flush, flush_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        sends++;
        if (n > 0) sent += (unsigned long long)n;
        if (n != (ssize_t)flush_bytes) {
            shorts++;
            leave(fd); /* the crowd then finds it lost: the figure does not count */
        }
    }
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {{"port", 1, 0, 'p'}, {"bytes", 1, 0, 'b'}, {"flush", 1, 0, 'f'},
                                          {"backlog", 1, 0, 'k'}, {"fault-skip", 1, 0, 's'},
                                          {"fault-stall", 1, 0, 't'}, {"fault-cut", 1, 0, 'c'}, {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (c) {
            case 'p': opt.port = atoi(optarg); break;
            case 'b': opt.bytes = atoi(optarg); break;
            case 'f': opt.flush_s = atof(optarg); break;
            case 'k': opt.backlog = atoi(optarg); break;
            case 's': opt.skip = atoi(optarg); break;
            case 't': opt.stall = atoi(optarg); break;
            case 'c': opt.cut = atoi(optarg); break;
            default: exit(2);
            }
    int parts = (int)(opt.flush_s * 2 + 0.5);
    if (parts < 1 || opt.bytes < parts * PART_OVERHEAD + CHUNK_OVERHEAD || opt.bytes > MAX_FLUSH) {
        fprintf(stderr, "loop: a flush of so many seconds cannot have so many bytes\n");
        exit(2);
    }
}

static int listen_at(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0) die("listen");
    socklen_t size = sizeof a;
    getsockname(fd, (struct sockaddr *)&a, &size);
    *port = ntohs(a.sin_port);
    return fd;
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    int parts = (int)(opt.flush_s * 2 + 0.5), door = listen_at(&opt.port), poller = epoll_create1(0);
    memset(place, 0xff, sizeof place);
    make_init();
    make_flush(parts);
    make_flush(parts);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = door}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, door, &e);
    e.data.fd = 0;
    fcntl(0, F_SETFL, O_NONBLOCK);
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e);
    printf("ready %d\n", opt.port);
    fflush(stdout);
    double next = now_s() + opt.flush_s;
    uint32_t round = 0;
    for (int over = 0; !over;) {
        double left = next - now_s();
        if (left <= 0) {
            make_flush(parts);
            send_all(round++);
            next += opt.flush_s;
            continue;
        }
        int n = epoll_wait(poller, events, 256, (int)(left * 1000) + 1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            char byte;
            if (fd == 0) over |= read(0, &byte, 1) <= 0;
            else if (fd != door) greet(fd);
            else
                for (int k = 0; k < 64 && (fd = accept4(door, NULL, NULL, SOCK_NONBLOCK)) >= 0; k++) {
                    int one = 1;
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    e.data.fd = fd;
                    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
                }
        }
    }
    printf("{\"sends\":%llu,\"short\":%llu,\"bytes\":%llu,\"listeners\":%d}\n", sends, shorts, sent, count);
    return 0;
}
