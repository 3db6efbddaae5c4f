/* stat.c - what there is to tell about a store */
#include "runs.h"

#include "facts.h"
#include "print.h"
#include "session.h"

#include <inttypes.h>
#include <stdlib.h>

/* -- For people --------------------------------------------------------------------- */

static void print_prefixes(const struct prefixes *prefixes) {
    for (size_t i = 0; i < prefixes->count; i++) {
        fputs(i == 0 ? "prefixes       " : "               ", stdout);
        print_bytes(stdout, prefixes->list[i].name, care_for(stdout, CELLS));
        printf("  %" PRId64 "\n", prefixes->list[i].keys);
    }
}

static void print_facts(const struct facts *facts, const struct prefixes *prefixes) {
    char size[SIZE_TEXT];

    fputs("store          ", stdout);
    print_bytes(stdout, facts->path, care_for(stdout, CELLS));
    printf("\nserialization  %s\nentries        %" PRId64 "\n",
           xkv_serialization_name(facts->serialization), facts->count);
    if (facts->is_file)
        printf("size           %s\ncommits        %" PRId64 "\n", size_text(facts->bytes, size),
               facts->activity.commits);
    if (facts->activity.writer > 0)
        printf("written by     process %" PRId64 "\n", facts->activity.writer);
    print_prefixes(prefixes);
}

/* -- For programs ------------------------------------------------------------------- */

static void print_json_facts(const struct facts *facts, const struct prefixes *prefixes) {
    fputs("{\"path\":", stdout);
    print_json_text(stdout, facts->path);
    printf(",\"serialization\":\"%s\"", xkv_serialization_name(facts->serialization));
    facts_print_json(facts);
    fputs(",\"prefixes\":", stdout);
    prefixes_print_json(prefixes);
    puts("}");
}

/* -- Both --------------------------------------------------------------------------- */

/* Which prefixes there are is learnt from a sample; how many keys they have is counted. */
static int count_prefixes(struct session *session, struct prefixes *prefixes) {
    int code = DONE;

    for (size_t i = 0; i < prefixes->count && code == DONE; i++) {
        xkv_command count = {.op = XKV_OP_COUNT, .prefix = prefixes->list[i].name};
        code = session_run(session, &count);
        prefixes->list[i].keys = session->reply.number;
    }
    prefixes_sort(prefixes);
    return code;
}

int run_stat(const struct call *call) {
    struct session session;
    struct facts facts;
    struct prefixes prefixes;
    int code = session_open(&session, call, READING);

    if (code != DONE)
        return code;
    code = facts_take(&session, &facts);
    if (code == DONE)
        code = prefixes_sample(&session, facts.count, &prefixes);
    if (code != DONE)
        return session_close(&session, code);
    code = count_prefixes(&session, &prefixes);
    if (code == DONE && has(call, OPTION_JSON))
        print_json_facts(&facts, &prefixes);
    else if (code == DONE)
        print_facts(&facts, &prefixes);
    prefixes_free(&prefixes);
    return session_close(&session, code);
}
