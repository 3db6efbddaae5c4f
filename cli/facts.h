/*
 * facts.h - what stat and watch tell about a store
 */
#ifndef XKV_CLI_FACTS_H
#define XKV_CLI_FACTS_H

#include "session.h"

struct facts {
    xkv_bytes path; /* or what leads to a server; valid while the session is open */
    bool is_file;   /* only then the size and the commits are known */
    int serialization;
    int64_t count, bytes;
    xkv_activity activity;
};

/* As members of a JSON object, with a comma before each: all that are numbers. */
void facts_print_json(const struct facts *facts);

/* DONE, or what the tool ends with. */
int facts_take(struct session *session, struct facts *facts);

enum { PREFIXES_MOST = 8 };

/* The prefixes that most keys have: up to the first ':' or '/', else to the first of "_-.|#@ ",
 * else to the first digit. */
struct prefixes {
    size_t count;
    struct prefix {
        xkv_bytes name;
        int64_t keys;
    } list[PREFIXES_MOST];
    char *names; /* private */
};

/* Learns them from a sample of keys; keys are about as many as there are, of total. DONE, and
 * prefixes_free must follow; or what the tool ends with. */
int prefixes_sample(struct session *session, int64_t total, struct prefixes *prefixes);
void prefixes_free(struct prefixes *prefixes);

/* Most keys first. */
void prefixes_sort(struct prefixes *prefixes);

/* As a JSON array of {prefix, keys}. */
void prefixes_print_json(const struct prefixes *prefixes);

/* "12.3 MB" */
enum { SIZE_TEXT = 32 };
const char *size_text(int64_t bytes, char out[SIZE_TEXT]);

#endif
