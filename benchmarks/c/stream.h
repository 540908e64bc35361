/* One listener's stream, taken in as it comes: an HTTP/1.x answer, its chunks, the CMAF boxes or MPEG bytes in it,
 * and a model player that notices each moment in which it would have been silent.
 *
 * Bytes and the time go in, figures are read from the struct: no sockets and no clock in here. Memory a listener:
 * this struct (under 200 bytes); a box that comes in pieces is kept aside for as long as it takes to be whole.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stddef.h>
#include <stdint.h>

enum phase { IN_HEAD, IN_CHUNK_SIZE, IN_CHUNK, IN_CHUNK_END, IN_BODY, ENDED, BROKEN };

enum sound { SOUND_CMAF, SOUND_MPEG };

/* What holds for all listeners of a run. */
struct terms {
    enum sound sound;
    uint32_t mpeg_bit_rate;   /* bits a second, turns bytes into media time where there are no boxes */
    uint32_t start_buffer_us; /* the model player starts once it holds this much */
    uint32_t timescale;       /* from the init, 48000 with us */
    uint32_t sample_duration; /* default of the init's trex */
};
extern struct terms terms;

struct aside {
    uint32_t have, want;
    uint8_t bytes[];
};

struct stream {
    uint64_t body_bytes;    /* without head and chunk framing */
    uint64_t wire_bytes;    /* with them */
    uint64_t next_time;     /* tfdt that the next part must have, in the timescale */
    uint64_t media_us;      /* sound received */
    uint64_t pending_time;  /* tfdt of the part whose mdat is coming in */
    uint64_t play_from_us;  /* when the model player would have begun, had it never waited; 0: not yet */
    uint64_t skip;          /* bytes of mdat still to come */
    uint64_t chunk_left;
    struct aside *aside;
    uint32_t first_byte_us; /* since connecting; UINT32_MAX: never. Of the body */
    uint32_t first_sound_us;
    uint32_t start_us;      /* when the model player starts */
    uint32_t pending_us;    /* length of the part whose mdat is coming in */
    uint32_t underrun_us;
    uint32_t last_sequence; /* mfhd */
    uint16_t underruns;
    uint16_t gaps;          /* parts did not follow one another */
    uint16_t again;         /* a part came that had been there */
    uint16_t inits;
    uint16_t status;        /* HTTP */
    uint8_t phase;
    uint8_t chunked;
    uint8_t has_moof;
    int16_t tap;            /* number of the sampled stream, or -1 */
};

void stream_begin(struct stream *s);
/* begun_us: when it began to connect; now_us: the same clock. */
void stream_feed(struct stream *s, const uint8_t *bytes, size_t n, uint64_t begun_us, uint64_t now_us);
/* Whether the model player is silent at now_us, counted as an underrun if so. */
void stream_close(struct stream *s, uint64_t now_us);
void stream_free(struct stream *s);

/* Called with body bytes of streams whose tap is not -1. */
extern void (*stream_tap)(int tap, const uint8_t *bytes, size_t n);
/* Called with each part that is whole, if it is not NULL. */
extern void (*stream_part)(const struct stream *s, uint64_t now_us);

#endif
