/*
 * salvage.c - see salvage.h
 *
 * The data are walked from the first page to the last. Keys of more than a chunk go on in the
 * tree "deep", in levels (records.c); each of those is looked up when a link leads to it, so that
 * entries come in order, and nothing about long keys has to be remembered. The checksum of a
 * record is also that of its whole key, so a piece that has come under a wrong link is noticed.
 *
 * Crafted links could lead to one level in many ways. But each node of deep belongs to one key,
 * so it ends when more nodes have been read than there are.
 */
#include "disk/salvage.h"

#include "base/text.h"
#include "disk/lmdb.h"
#include "formats/json_text.h"

#include <inttypes.h>

enum { STEPS_PER_NODE = 64, STEPS_MIN = 4096 };

static bool is_text(xkv_bytes key, const char *text, size_t len) {
    return key.len == len && memcmp(key.data, text, len) == 0;
}

/* -- Records ------------------------------------------------------------------- */

static void tell_record(xkv__survey *survey, xkv_bytes key, const char *wrong) {
    char quoted[XKV__QUOTE_SIZE];

    if (survey->quiet)
        return;
    survey->report->damaged_records++;
    xkv__survey_tell(survey, "page %" PRIu64 ": the record of %s cannot be read: %s", survey->page,
                     xkv__quote(key, quoted), wrong);
}

/* The value of a record, whose key is this; false if it cannot be read, which is told. */
static bool read_record(xkv__survey *survey, const xkv__node *node, xkv_bytes key,
                        xkv_bytes *value) {
    xkv_bytes record;
    const char *wrong = NULL;

    if (node->flags & ~(unsigned)NODE_BIG)
        wrong = "it is of an unknown kind";
    if (!wrong)
        wrong = xkv__survey_data(survey, node, &record);
    if (!wrong) {
        int code = xkv__record_unpack(key, record, value);
        if (code != MDB_SUCCESS)
            wrong = code == XKV__NEWER ? "a newer version wrote it" : "its checksum is wrong";
    }
    if (wrong)
        tell_record(survey, key, wrong);
    return !wrong;
}

static bool read_number(xkv__survey *survey, const xkv__node *node, uint64_t *number) {
    xkv_bytes value;

    if (!read_record(survey, node, node->key, &value))
        return false;
    if (value.len != sizeof *number)
        tell_record(survey, node->key, "it is no number");
    else
        *number = xkv__get_be64(value.data);
    return value.len == sizeof *number;
}

/* -- The trees ----------------------------------------------------------------- */

static void see_free(xkv__survey *survey, const xkv__node *node, void *context) {
    const char *wrong = NULL;
    xkv_bytes list = {NULL, 0};

    (void)context;
    if (!(node->flags & ~(unsigned)NODE_BIG))
        wrong = xkv__survey_data(survey, node, &list);
    if (wrong)
        xkv__survey_tell(survey, "page %" PRIu64 ": a list of free pages cannot be read: %s",
                         survey->page, wrong);
    if (wrong || list.len < sizeof(uint64_t))
        return;
    uint64_t count = xkv__get_u64(list.data);
    for (uint64_t i = 1; i <= count && i < list.len / sizeof(uint64_t); i++)
        xkv__survey_note_unused(
            survey, xkv__get_u64((const unsigned char *)list.data + i * sizeof(uint64_t)));
}

static void see_name(xkv__survey *survey, const xkv__node *node, void *context) {
    xkv__salvage *salvage = context;
    static const char *const names[] = {"data", "deep", "meta"};
    xkv__root *const roots[] = {&salvage->data, &salvage->deep, &salvage->meta};

    (void)survey;
    if (node->flags != NODE_TREE || node->size != TREE_SIZE)
        return;
    for (size_t i = 0; i < 3; i++) {
        if (is_text(node->key, names[i], strlen(names[i])))
            *roots[i] = xkv__root_of(node->data);
    }
}

/* Names in meta end with a NUL. */
static void see_meta(xkv__survey *survey, const xkv__node *node, void *context) {
    xkv__salvage *salvage = context;
    xkv_bytes value;

    if (is_text(node->key, "links", sizeof "links")) {
        salvage->links_known = read_number(survey, node, &salvage->links);
        return;
    }
    if (!read_record(survey, node, node->key, &value) ||
        !is_text(node->key, "format", sizeof "format"))
        return;
    salvage->has_format =
        xkv__format_read(value, &salvage->version, &survey->report->serialization);
}

bool xkv__salvage_find(xkv__salvage *salvage, const unsigned char *meta) {
    xkv__survey *survey = &salvage->survey;
    xkv__root free_pages = xkv__root_of(meta + META_FREE_AT),
              names = xkv__root_of(meta + META_MAIN_AT);

    salvage->data = salvage->deep = salvage->meta = (xkv__root){.known = false};
    xkv__survey_walk(survey, &free_pages, see_free, salvage);
    xkv__survey_walk(survey, &names, see_name, salvage);
    xkv__survey_walk(survey, &salvage->meta, see_meta, salvage);
    return xkv__survey_has_root(survey, &salvage->data);
}

/* -- Entries ------------------------------------------------------------------- */

static void check_json(xkv__survey *survey, xkv_bytes key, xkv_bytes value) {
    char quoted[XKV__QUOTE_SIZE];
    xkv__json json;

    if (survey->report->serialization != XKV_JSON || xkv__json_valid(value, &json))
        return;
    survey->report->invalid_values++;
    xkv__survey_tell(survey, "the value of %s is not JSON: %s", xkv__quote(key, quoted),
                     json.flaw ? json.flaw : "it goes on behind its end");
}

/* An entry, whose node ends its key. */
static void see_entry(xkv__salvage *salvage, const xkv__node *node, xkv_bytes key) {
    xkv__survey *survey = &salvage->survey;
    bool doubtful = survey->doubtful || salvage->is_scan;
    xkv_bytes value;

    survey->quiet = salvage->is_scan; /* what does not fit there may be of another tree */
    bool readable = read_record(survey, node, key, &value);
    survey->quiet = false;
    if (!readable)
        return;
    check_json(survey, key, value);
    survey->report->keys++;
    survey->report->doubtful_keys += doubtful;
    if (salvage->salvaged && survey->error == XKV_OK)
        survey->error = salvage->salvaged(salvage->context, key, value, doubtful);
}

/* -- Long keys ------------------------------------------------------------------- */

/* A place in a level: the least key that has not been looked at. */
struct level_place {
    uint64_t level;
    unsigned depth; /* chunks that lie before it */
    unsigned char from[LMDB_KEY_MAX + 1];
    size_t len;
};

static void tell_link(xkv__survey *survey, xkv_bytes key, const char *wrong) {
    char quoted[XKV__QUOTE_SIZE];

    if (survey->quiet)
        return;
    survey->report->broken_links++;
    xkv__survey_tell(survey, "page %" PRIu64 ": the link to the keys that begin with %s %s",
                     survey->page, xkv__quote(key, quoted), wrong);
}

/* The next node of a level. */
static bool next_in_level(xkv__salvage *salvage, struct level_place *place, xkv__node *node) {
    xkv__survey *survey = &salvage->survey;

    if (!xkv__survey_find(survey, &salvage->deep, (xkv_bytes){place->from, place->len}, node) ||
        node->key.len <= XKV__LEVEL_SIZE || node->key.len > LMDB_KEY_MAX ||
        xkv__get_be64(node->key.data) != place->level)
        return false;
    memcpy(place->from, node->key.data, node->key.len);
    place->from[node->key.len] = '\0'; /* the least key that is greater */
    place->len = node->key.len + 1;
    return ++salvage->deep_reached <= salvage->deep_nodes;
}

static void follow_link(xkv__salvage *salvage, const xkv__node *node, xkv_bytes chunk,
                        uint64_t from_level, unsigned depth);

/* A node of a level: the rest of a key, or another link. */
static void see_piece(xkv__salvage *salvage, const struct level_place *place,
                      const xkv__node *node) {
    const unsigned char *bytes = (const unsigned char *)node->key.data + XKV__LEVEL_SIZE;
    xkv_bytes piece = {bytes, node->key.len - XKV__LEVEL_SIZE};
    size_t before = (size_t)place->depth * XKV__CHUNK;

    if (piece.len > XKV__CHUNK) {
        piece.len = XKV__CHUNK;
        follow_link(salvage, node, piece, place->level, place->depth);
        return;
    }
    if (before + piece.len > XKV_KEY_MAX) {
        tell_record(&salvage->survey, piece, "its key is too long");
        return;
    }
    memcpy(salvage->key + before, piece.data, piece.len);
    see_entry(salvage, node, (xkv_bytes){salvage->key, before + piece.len});
}

static void see_level(xkv__salvage *salvage, uint64_t level, unsigned depth) {
    struct level_place place = {.level = level, .depth = depth, .len = XKV__LEVEL_SIZE};
    xkv_bytes key = {salvage->key, (size_t)depth * XKV__CHUNK};
    uint64_t before = salvage->deep_reached;
    xkv__survey *survey = &salvage->survey;
    bool doubtful = survey->doubtful;
    xkv__node node;

    xkv__put_be64(place.from, level);
    while (survey->error == XKV_OK && next_in_level(salvage, &place, &node)) {
        survey->doubtful = doubtful || xkv__survey_is_unused(survey, survey->page);
        see_piece(salvage, &place, &node);
    }
    survey->doubtful = doubtful;
    if (salvage->deep_reached == before)
        tell_link(survey, key, "leads to nothing that can be read");
}

/* A chunk and a mark: the key goes on in a level whose number is greater. */
static void follow_link(xkv__salvage *salvage, const xkv__node *node, xkv_bytes chunk,
                        uint64_t from_level, unsigned depth) {
    xkv__survey *survey = &salvage->survey;
    uint64_t level;

    survey->quiet = salvage->is_scan;
    bool readable = read_number(survey, node, &level);
    if (!readable)
        tell_link(survey, chunk, "cannot be read");
    survey->quiet = false;
    if (!readable)
        return;
    if (level <= from_level || ((size_t)depth + 1) * XKV__CHUNK >= XKV_KEY_MAX) {
        tell_link(survey, chunk, "leads back, or too far");
        return;
    }
    memcpy(salvage->key + (size_t)depth * XKV__CHUNK, chunk.data, XKV__CHUNK);
    see_level(salvage, level, depth + 1);
}

static void count_node(xkv__survey *survey, const xkv__node *node, void *context) {
    (void)survey;
    (void)node;
    ++*(uint64_t *)context;
}

/* -- All of it ------------------------------------------------------------------- */

/* Whether a key of data does not follow the last one, which it now is. */
static bool is_out_of_order(xkv__salvage *salvage, xkv_bytes key) {
    xkv_bytes last = {salvage->last, salvage->last_len};
    char quoted[XKV__QUOTE_SIZE];

    if (salvage->is_scan)
        return false;
    bool wrong = salvage->last_len > 0 && xkv__compare(key, last) <= 0;
    if (wrong) {
        salvage->survey.report->misplaced_keys++;
        xkv__survey_tell(&salvage->survey, "page %" PRIu64 ": the key %s is not in order",
                         salvage->survey.page, xkv__quote(key, quoted));
    }
    memcpy(salvage->last, key.data, key.len);
    salvage->last_len = key.len;
    return wrong;
}

static void see_data(xkv__survey *survey, const xkv__node *node, void *context) {
    xkv__salvage *salvage = context;
    xkv_bytes chunk = {node->key.data, XKV__CHUNK};

    if (node->key.len == 0 || node->key.len > XKV__CHUNK + 1) {
        if (!salvage->is_scan)
            tell_record(survey, node->key, "its key has an impossible length");
        return;
    }
    bool before = survey->doubtful;
    survey->doubtful |= is_out_of_order(salvage, node->key);
    if (node->key.len <= XKV__CHUNK) {
        see_entry(salvage, node, node->key);
    } else {
        survey->steps_left += STEPS_PER_NODE;
        follow_link(salvage, node, chunk, 0, 0);
    }
    survey->doubtful = before;
}

/* A page that nothing leads to may be of any tree. What is in meta reads as an entry of data. */
static void see_orphan(xkv__survey *survey, const xkv__node *node, void *context) {
    static const char *const names[] = {"format", "id", "tokens", "links"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (is_text(node->key, names[i], strlen(names[i]) + 1))
            return;
    }
    see_data(survey, node, context);
}

/* What the store counts, if that can be told, less what was found. */
static void count_lost(xkv__salvage *salvage) {
    xkv_check_report *report = salvage->survey.report;
    uint64_t counted = salvage->data.entries + salvage->deep.entries,
             links = salvage->links_known ? salvage->links : 0;

    report->lost_is_known = salvage->data.known && salvage->deep.known &&
                            (salvage->links_known || salvage->deep.entries == 0) &&
                            links <= counted;
    if (report->lost_is_known && counted - links > report->keys)
        report->lost_keys = counted - links - report->keys;
    if (report->lost_keys > 0)
        xkv__survey_tell(&salvage->survey, "%" PRIu64 " of %" PRIu64 " keys cannot be read",
                         report->lost_keys, counted - links);
}

static void count_unreached(xkv__salvage *salvage) {
    xkv__survey *survey = &salvage->survey;
    uint64_t nodes = salvage->deep_nodes, reached = salvage->deep_reached;

    if (survey->steps_left == 0 || reached > nodes)
        xkv__survey_tell(survey, "the links of long keys lead to each other, and were given up");
    if (reached >= nodes)
        return;
    survey->report->broken_links += nodes - reached;
    xkv__survey_tell(survey, "%" PRIu64 " pieces of long keys have no link that leads to them",
                     nodes - reached);
}

void xkv__salvage_read(xkv__salvage *salvage, bool scan) {
    xkv__survey *survey = &salvage->survey;

    xkv__survey_walk(survey, &salvage->deep, count_node, &salvage->deep_nodes);
    survey->steps_left = STEPS_MIN + survey->pages + STEPS_PER_NODE * salvage->deep_nodes;
    salvage->is_scan = survey->report->is_scan = scan;
    if (scan)
        xkv__survey_scan(survey, see_orphan, salvage);
    else
        xkv__survey_walk(survey, &salvage->data, see_data, salvage);
    if (survey->error != XKV_OK)
        return;
    count_unreached(salvage);
    count_lost(salvage);
}
