#define _GNU_SOURCE /* strcasestr */
#include "stream.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_HEAD 8192        /* an answer's head longer than this is not ours */
#define MAX_BOX (256 * 1024) /* mdat aside, no box of a live part comes near this */

struct terms terms = {SOUND_CMAF, 64000, 0, 48000, 0};
void (*stream_tap)(int tap, const uint8_t *bytes, size_t n);
void (*stream_part)(const struct stream *s, uint64_t now_us);

static uint32_t u32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
static uint64_t u64(const uint8_t *p) { return (uint64_t)u32(p) << 32 | u32(p + 4); }
static int is(const uint8_t *box, const char *type) { return memcmp(box + 4, type, 4) == 0; }

/* The child `type` of the boxes in [at, end), or NULL. */
static const uint8_t *child(const uint8_t *at, const uint8_t *end, const char *type) {
    while (end - at >= 8) {
        uint32_t size = u32(at);
        if (size < 8 || size > end - at) return NULL;
        if (is(at, type)) return at;
        at += size;
    }
    return NULL;
}

static const uint8_t *path(const uint8_t *box, const char *const *types) {
    for (; *types && box; types++) box = child(box + 8, box + u32(box), *types);
    return box;
}

static void take_moov(struct stream *s, const uint8_t *box) {
    static const char *const mdhd_path[] = {"trak", "mdia", "mdhd", NULL};
    static const char *const trex_path[] = {"mvex", "trex", NULL};
    const uint8_t *mdhd = path(box, mdhd_path), *trex = path(box, trex_path);
    if (mdhd) terms.timescale = u32(mdhd + 8 + (mdhd[8] == 1 ? 20 : 12));
    if (trex) terms.sample_duration = u32(trex + 20);
    if (!terms.timescale) terms.timescale = 48000;
    s->inits++;
    s->next_time = 0; /* a new init may begin at any time */
}

static uint64_t trun_duration(const uint8_t *trun, uint32_t each) {
    uint32_t flags = u32(trun + 8) & 0xffffff, count = u32(trun + 12);
    if (!(flags & 0x100)) return (uint64_t)count * each;
    uint32_t at = 16 + (flags & 1 ? 4 : 0) + (flags & 4 ? 4 : 0);
    uint32_t step = 4 + (flags & 0x200 ? 4 : 0) + (flags & 0x400 ? 4 : 0) + (flags & 0x800 ? 4 : 0);
    uint64_t total = 0;
    for (; count-- && at + step <= u32(trun); at += step) total += u32(trun + at);
    return total;
}

static void take_moof(struct stream *s, const uint8_t *box) {
    static const char *const mfhd_path[] = {"mfhd", NULL};
    static const char *const traf_path[] = {"traf", NULL};
    const uint8_t *mfhd = path(box, mfhd_path), *traf = path(box, traf_path);
    if (!mfhd || !traf) {
        s->phase = BROKEN;
        return;
    }
    const uint8_t *end = traf + u32(traf);
    const uint8_t *tfhd = child(traf + 8, end, "tfhd"), *tfdt = child(traf + 8, end, "tfdt");
    const uint8_t *trun = child(traf + 8, end, "trun");
    if (!tfhd || !tfdt || !trun) {
        s->phase = BROKEN;
        return;
    }
    uint32_t flags = u32(tfhd + 8) & 0xffffff, each = terms.sample_duration;
    if (flags & 8) each = u32(tfhd + 16 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0));
    uint64_t time = tfdt[8] == 1 ? u64(tfdt + 12) : u32(tfdt + 12);
    uint64_t duration = trun_duration(trun, each);
    if (s->next_time && time < s->next_time) s->again++;
    if (s->next_time && time > s->next_time) s->gaps++;
    s->next_time = time + duration;
    s->last_sequence = u32(mfhd + 12);
    s->pending_time = time;
    s->pending_us = (uint32_t)(duration * 1000000 / terms.timescale);
    s->has_moof = 1;
}

static void take_sound(struct stream *s, uint32_t length_us, uint64_t begun_us, uint64_t now_us) {
    if (s->first_sound_us == UINT32_MAX) s->first_sound_us = (uint32_t)(now_us - begun_us);
    stream_close(s, now_us); /* was it silent until now? */
    s->media_us += length_us;
    if (!s->play_from_us && s->media_us >= terms.start_buffer_us) {
        s->play_from_us = now_us;
        s->start_us = (uint32_t)(now_us - begun_us);
    }
}

void stream_close(struct stream *s, uint64_t now_us) {
    if (!s->play_from_us || now_us <= s->play_from_us + s->media_us) return;
    uint64_t silent = now_us - s->play_from_us - s->media_us;
    s->underruns++;
    s->underrun_us += (uint32_t)silent;
    s->play_from_us += silent; /* it goes on with the next sound */
}

static void take_box(struct stream *s, const uint8_t *box) {
    if (is(box, "moof")) take_moof(s, box);
    else if (is(box, "moov")) take_moov(s, box);
}

static struct aside *set_aside(struct aside *old, uint32_t want) {
    struct aside *a = realloc(old, sizeof *a + want);
    if (!a) abort();
    if (!old) a->have = 0;
    a->want = want;
    return a;
}

static void drop_aside(struct stream *s) {
    free(s->aside);
    s->aside = NULL;
}

/* Whether `header` (8 bytes) opens an mdat; s->skip is then what is to come of it. */
static int begins_mdat(struct stream *s, const uint8_t *header) {
    uint32_t size = u32(header);
    if (size < 8 || (!is(header, "mdat") && size > MAX_BOX)) {
        s->phase = BROKEN;
        return 0;
    }
    if (!is(header, "mdat")) return 0;
    s->skip = size - 8;
    return 1;
}

static void take_cmaf(struct stream *s, const uint8_t *p, size_t n, uint64_t begun_us, uint64_t now_us) {
    while (n && s->phase != BROKEN) {
        if (s->skip) {
            size_t k = n < s->skip ? n : s->skip;
            s->skip -= k, p += k, n -= k;
            if (!s->skip && s->has_moof && s->inits) {
                s->has_moof = 0;
                take_sound(s, s->pending_us, begun_us, now_us);
                if (stream_part) stream_part(s, now_us);
            }
            continue;
        }
        if (!s->aside) {
            if (n >= 8) {
                if (begins_mdat(s, p)) {
                    p += 8, n -= 8;
                    continue;
                }
                if (s->phase == BROKEN) return;
                if (n >= u32(p)) {
                    uint32_t size = u32(p);
                    take_box(s, p);
                    p += size, n -= size;
                    continue;
                }
                s->aside = set_aside(NULL, u32(p));
            } else {
                s->aside = set_aside(NULL, 8);
            }
        }
        struct aside *a = s->aside;
        size_t k = a->want - a->have < n ? a->want - a->have : n;
        memcpy(a->bytes + a->have, p, k);
        a->have += (uint32_t)k, p += k, n -= k;
        if (a->have < a->want) return;
        if (a->have == 8 && u32(a->bytes) != 8) { /* the header is whole now */
            if (begins_mdat(s, a->bytes)) drop_aside(s);
            else if (s->phase != BROKEN) s->aside = set_aside(a, u32(a->bytes));
            continue;
        }
        take_box(s, a->bytes);
        drop_aside(s);
    }
}

static void take_mpeg(struct stream *s, size_t n, uint64_t begun_us, uint64_t now_us) {
    /* A whole frame at least counts as sound: 1152 samples at 48 kHz are 24 ms. */
    uint64_t frame = (uint64_t)terms.mpeg_bit_rate * 24 / 8000;
    if (s->first_sound_us == UINT32_MAX && s->body_bytes < frame) return;
    take_sound(s, (uint32_t)(n * 8000000 / terms.mpeg_bit_rate), begun_us, now_us);
}

static void take_body(struct stream *s, const uint8_t *p, size_t n, uint64_t begun_us, uint64_t now_us) {
    if (s->first_byte_us == UINT32_MAX) s->first_byte_us = (uint32_t)(now_us - begun_us);
    s->body_bytes += n;
    if (s->tap >= 0 && stream_tap) stream_tap(s->tap, p, n);
    if (terms.sound == SOUND_CMAF) take_cmaf(s, p, n, begun_us, now_us);
    else take_mpeg(s, n, begun_us, now_us);
}

/* Takes what it can of the head, returns how many bytes it used. */
static size_t take_head(struct stream *s, const uint8_t *p, size_t n) {
    if (!s->aside) s->aside = set_aside(NULL, MAX_HEAD);
    struct aside *a = s->aside;
    for (size_t i = 0; i < n; i++) {
        if (a->have + 1 >= a->want) {
            s->phase = BROKEN;
            return i;
        }
        a->bytes[a->have++] = p[i];
        if (a->have < 4 || memcmp(a->bytes + a->have - 4, "\r\n\r\n", 4) != 0) continue;
        a->bytes[a->have] = 0;
        const char *text = (const char *)a->bytes;
        s->status = a->have > 12 ? (uint16_t)atoi(text + 9) : 0;
        s->chunked = strcasestr(text, "transfer-encoding: chunked") != NULL;
        drop_aside(s);
        s->phase = s->status != 200 ? ENDED : s->chunked ? IN_CHUNK_SIZE : IN_BODY;
        return i + 1;
    }
    return n;
}

void stream_begin(struct stream *s) {
    memset(s, 0, sizeof *s);
    s->first_byte_us = s->first_sound_us = s->start_us = UINT32_MAX;
    s->tap = -1;
}

void stream_feed(struct stream *s, const uint8_t *p, size_t n, uint64_t begun_us, uint64_t now_us) {
    s->wire_bytes += n;
    while (n) {
        size_t k = 1;
        switch ((enum phase)s->phase) {
        case IN_HEAD:
            k = take_head(s, p, n);
            break;
        case IN_CHUNK_SIZE: /* RFC 9112, 7.1: hex digits, perhaps extensions, CRLF */
            if (*p == '\n') s->phase = s->chunk_left ? IN_CHUNK : ENDED;
            else if (*p >= '0' && *p <= '9') s->chunk_left = s->chunk_left * 16 + (*p - '0');
            else if ((*p | 32) >= 'a' && (*p | 32) <= 'f') s->chunk_left = s->chunk_left * 16 + ((*p | 32) - 'a' + 10);
            break;
        case IN_CHUNK:
            k = n < s->chunk_left ? n : s->chunk_left;
            s->chunk_left -= k;
            take_body(s, p, k, begun_us, now_us);
            if (!s->chunk_left && s->phase == IN_CHUNK) s->phase = IN_CHUNK_END;
            break;
        case IN_CHUNK_END:
            if (*p == '\n') s->phase = IN_CHUNK_SIZE;
            break;
        case IN_BODY:
            k = n;
            take_body(s, p, n, begun_us, now_us);
            break;
        case ENDED:
        case BROKEN:
            return;
        }
        p += k, n -= k;
    }
}

void stream_free(struct stream *s) { drop_aside(s); }
