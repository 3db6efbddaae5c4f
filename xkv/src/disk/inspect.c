/*
 * inspect.c - the files of stores, whatever state they are in: xkv_check_file, xkv_salvage
 *
 * One of the two meta pages is chosen, the newer one first; verify.c looks for a fault in the
 * structure, and then all that can be read is read (salvage.c). Where no meta page leads to the
 * data, every page is looked at.
 *
 * Nobody may write meanwhile to the pages that are read. A shared lock keeps writers out; where one
 * is there already, a transaction of LMDB's keeps the pages of the last commit, and only its
 * meta page counts, which must have been read before the writer has committed twice.
 */
#include "base/error.h"
#include "base/paths.h"
#include "command/options.h"
#include "disk/lmdb.h"
#include "disk/salvage.h"
#include "formats/bolt.h"
#include "store/registry.h"

enum { PAGE_SIZE_MIN = 512, PAGE_SIZE_MAX = 65536, PAGE_SIZE_USUAL = 4096, TRIES_MAX = 100 };

struct inspection {
    xkv__salvage salvage;
    xkv_options options;
    xkv__file *file;
    xkv__pin pin;
    int checked;                      /* what xkv__file_check says */
    unsigned char meta[2][META_SIZE]; /* those that may count, the newer one first */
    unsigned metas;
};

static xkv__survey *survey_of(struct inspection *in) {
    return &in->salvage.survey;
}

/* -- Meta pages ---------------------------------------------------------------- */

static size_t page_size_of(const unsigned char *meta) {
    return xkv__get_u32(meta + META_PAGE_SIZE_AT);
}

static uint64_t txn_of(const unsigned char *meta) {
    return xkv__get_u64(meta + META_TXN_AT);
}

/* Reads a meta page as one that may count; page_size is where the second one lies, 0: the first. */
static void read_meta_at(struct inspection *in, size_t page_size) {
    unsigned char *meta = in->meta[in->metas];
    size_t size;

    if (xkv__survey_read(survey_of(in), meta, META_SIZE, page_size))
        return;
    size = page_size_of(meta);
    if (xkv__get_u32(meta + META_MAGIC_AT) != LMDB_MAGIC ||
        xkv__get_u32(meta + META_VERSION_AT) != META_VERSION || size < PAGE_SIZE_MIN ||
        size > PAGE_SIZE_MAX || (size & (size - 1)) != 0 || (page_size && size != page_size))
        return;
    if (!in->pin.lmdb || txn_of(meta) == in->pin.txn_id)
        in->metas++;
}

/* Where the first one cannot be believed, the second one says itself where it lies. */
static void read_metas(struct inspection *in) {
    in->metas = 0;
    read_meta_at(in, 0);
    if (in->metas == 1)
        read_meta_at(in, page_size_of(in->meta[0]));
    for (size_t size = PAGE_SIZE_MIN; in->metas == 0 && size <= PAGE_SIZE_MAX; size *= 2)
        read_meta_at(in, size);
    if (in->metas == 2 && txn_of(in->meta[1]) > txn_of(in->meta[0])) {
        unsigned char other[META_SIZE];
        memcpy(other, in->meta[0], META_SIZE);
        memcpy(in->meta[0], in->meta[1], META_SIZE);
        memcpy(in->meta[1], other, META_SIZE);
    }
}

/* Pages have their own number, wherever they begin. */
static size_t guess_page_size(struct inspection *in) {
    size_t best = PAGE_SIZE_USUAL, most = 0;
    unsigned char number[8];

    for (size_t size = PAGE_SIZE_MIN; size <= PAGE_SIZE_MAX; size *= 2) {
        size_t right = 0;
        for (uint64_t page = 2; page < 256; page++)
            right += !xkv__survey_read(survey_of(in), number, sizeof number, page * size) &&
                     xkv__get_u64(number) == page;
        if (right > most) {
            best = size;
            most = right;
        }
    }
    return best;
}

/* -- Opening ------------------------------------------------------------------- */

/* To close it here would take locks from the store that has it open. */
static int refuse_open_here(const xkv_options *options) {
    xkv__identity identity;
    char *path = NULL;
    int error = xkv__file_path(options->path, &path);

    if (error == XKV_OK && xkv__file_identify(path, &identity) && xkv__file_is_open(&identity))
        error = xkv__fail(XKV_E_DISK_STORE_OPEN, "\"%s\" is open in this process; close it first",
                          path);
    xkv__free(path);
    return error;
}

static int pin_newest(struct inspection *in) {
    int error = xkv__lmdb_pin(&in->options, in->file, &in->pin);

    for (int tries = 0; error == XKV_OK && tries < TRIES_MAX; tries++) {
        read_metas(in);
        if (in->metas == 1)
            return XKV_OK;
        error = xkv__lmdb_pin_newest(&in->pin);
    }
    return error == XKV_OK ? xkv__file_corrupt(in->file, "its first pages do not agree") : error;
}

/* Whether it need not be searched for entries. */
static bool is_foreign(struct inspection *in) {
    unsigned char beginning[XKV__BOLT_BEGINNING];

    return !xkv__survey_read(survey_of(in), beginning, sizeof beginning, 0) &&
           xkv__is_bolt((xkv_bytes){beginning, sizeof beginning});
}

/* Sees to it that what is read stays as it is. */
static int hold(struct inspection *in) {
    bool busy = xkv__files.lock(in->file->handle, false).cause == XKV__BUSY;

    in->checked = xkv__file_check(in->file, &in->options);
    if (in->checked != XKV_OK && is_foreign(in))
        return in->checked;
    if (!busy) {
        read_metas(in);
        return XKV_OK;
    }
    return in->checked == XKV_OK ? pin_newest(in) : in->checked;
}

static int open_file(struct inspection *in) {
    int error = refuse_open_here(&in->options);

    if (error == XKV_OK)
        error = xkv__file_open(&in->options, &in->file);
    if (error != XKV_OK)
        return error;
    survey_of(in)->file = in->file;
    return hold(in);
}

/* -- Reading ------------------------------------------------------------------- */

/* Looks for a fault in the structure, as of a meta page. */
static int tell_fault(struct inspection *in, const unsigned char *meta) {
    const char *what = NULL;
    xkv__survey *survey = survey_of(in);
    int error = XKV_OK;

    if (xkv__file_is_cut(survey->report->bytes, survey->page_size,
                         xkv__get_u64(meta + META_LAST_AT)))
        what = "it was cut short";
    else
        error = xkv__file_find_fault(in->file, survey->page_size, meta, &what);
    if (what)
        xkv__survey_tell(survey, "the structure of the file is damaged: %s", what);
    if (error == XKV_E_DISK_STORE_READ)
        xkv__survey_tell(survey, "%s", xkv__reason(error));
    return error == XKV_E_DISK_STORE_READ ? XKV_OK : error;
}

/* Begins with a meta page; whether it leads to the data. */
static int begin_with(struct inspection *in, unsigned i, bool *leads) {
    int error = xkv__survey_begin(survey_of(in), page_size_of(in->meta[i]));

    *leads = false;
    if (error == XKV_OK)
        error = tell_fault(in, in->meta[i]);
    if (error == XKV_OK) {
        *leads = xkv__salvage_find(&in->salvage, in->meta[i]);
        error = survey_of(in)->error;
    }
    return error;
}

/* Chooses a meta page, or none: then what the newer one says of free pages counts, if there
 * is one. */
static int find_trees(struct inspection *in, bool *leads) {
    int error = XKV_OK;

    *leads = false;
    if (in->metas == 0)
        return xkv__survey_begin(survey_of(in), guess_page_size(in));
    for (unsigned i = 0; i < in->metas && error == XKV_OK && !*leads; i++) {
        error = begin_with(in, i, leads);
        survey_of(in)->report->is_older = *leads && i > 0;
    }
    if (error != XKV_OK || *leads || in->metas == 1)
        return error;
    bool again;
    survey_of(in)->quiet = true;
    error = begin_with(in, 0, &again);
    survey_of(in)->quiet = false;
    return error;
}

static void tell_metas(struct inspection *in, bool leads) {
    xkv__survey *survey = survey_of(in);

    if (in->checked != XKV_OK) {
        (void)xkv__file_check(in->file, &in->options); /* for its words */
        xkv__survey_tell(survey, "%s", xkv__reason(in->checked));
    }
    if (survey->report->is_older)
        xkv__survey_tell(survey, "the last commit cannot be read; this is the one before it");
    if (leads && in->metas == 1 && !in->pin.lmdb) {
        survey->report->is_older = true;
        xkv__survey_tell(survey,
                         "one of the first two pages cannot be read; this may be the commit "
                         "before the last one");
    }
    if (!leads)
        xkv__survey_tell(survey, "nothing leads to the entries; all pages were searched for them");
}

/* Whether there is anything in the file that a store has. */
static bool is_a_store(const struct inspection *in) {
    const xkv__salvage *salvage = &in->salvage;

    return salvage->has_format || salvage->survey.report->keys > 0 ||
           (salvage->data.known && salvage->deep.known && salvage->meta.known) ||
           in->checked == XKV_E_DISK_STORE_CORRUPT;
}

static int refuse_foreign(struct inspection *in) {
    if (in->checked != XKV_OK)
        return xkv__file_check(in->file, &in->options); /* says it again */
    return xkv__fail(XKV_E_DISK_STORE_OPEN, "\"%s\" is an LMDB file of another program",
                     in->file->path);
}

static int read_file(struct inspection *in) {
    bool leads;
    int error = find_trees(in, &leads);

    if (error != XKV_OK)
        return error;
    if (in->salvage.has_format && !xkv__format_is_known(in->salvage.version))
        return xkv__format_refuse(in->file, in->salvage.version);
    xkv__salvage_read(&in->salvage, !leads);
    if (survey_of(in)->error != XKV_OK)
        return survey_of(in)->error;
    if (!is_a_store(in))
        return refuse_foreign(in);
    tell_metas(in, leads);
    return XKV_OK;
}

/* -- Interface ----------------------------------------------------------------- */

static int inspect(struct inspection *in, const char *path, char *message, size_t size) {
    xkv_options_init(&in->options);
    in->options.path = path ? path : in->options.path;
    in->options.read_only = true;
    in->options.timeout_ms = 0;
    int error = xkv__options_check(&in->options, message, size);
    if (error != XKV_OK)
        return error;
    in->options = xkv__options_completed(&in->options);
    error = open_file(in);
    if (error == XKV_OK)
        error = read_file(in);
    xkv__survey_end(survey_of(in));
    xkv__lmdb_unpin(&in->pin);
    xkv__file_close(in->file, false);
    return error == XKV_OK ? XKV_OK : xkv__explain(message, size, error, "%s", xkv__reason(error));
}

static struct inspection *inspection_new(xkv_check_report *report) {
    struct inspection *in = xkv__alloc(sizeof *in);

    memset(report, 0, sizeof *report);
    report->serialization = -1;
    if (!in)
        return NULL;
    memset(in, 0, sizeof *in);
    survey_of(in)->report = report;
    return in;
}

static int out_of_memory(char *message, size_t size) {
    return xkv__explain(message, size, XKV_E_STORE_FULL, "%s", xkv_error_text(XKV_E_STORE_FULL));
}

int xkv_check_file(const char *path, xkv_tell *tell, void *context, xkv_check_report *report,
                   char *message, size_t size) {
    struct inspection *in = inspection_new(report);

    if (!in)
        return out_of_memory(message, size);
    survey_of(in)->tell = tell;
    survey_of(in)->context = context;
    int error = inspect(in, path, message, size);
    xkv__free(in);
    return error;
}

int xkv_salvage(const char *path, xkv_salvaged *salvaged, void *context, xkv_check_report *report,
                char *message, size_t size) {
    struct inspection *in = inspection_new(report);

    if (!in)
        return out_of_memory(message, size);
    in->salvage.salvaged = salvaged;
    in->salvage.context = context;
    int error = inspect(in, path, message, size);
    xkv__free(in);
    return error;
}
