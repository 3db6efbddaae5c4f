/* check.c - whether a store's file is as it should be */
#include "runs.h"

#include "facts.h"
#include "print.h"
#include "session.h"

#include <inttypes.h>

enum { FINDINGS_MOST = 50 };

/* What is told while a file is looked through. */
struct findings {
    bool as_json;
    uint64_t count;
};

static const char messages[] = "{\"messages\":[";

static void print_finding(void *context, const char *finding) {
    struct findings *findings = context;

    if (findings->count++ >= FINDINGS_MOST)
        return;
    if (findings->as_json)
        fputs(findings->count == 1 ? messages : ",", stdout);
    if (findings->as_json)
        print_json_text(stdout, xkv_text(finding));
    else
        print_bytes(stdout, xkv_text(finding), care_for(stdout, CELLS));
    if (!findings->as_json)
        putchar('\n');
}

/* What a report counts, by a name for programs and one for people. */
static const struct {
    const char *name, *text;
    size_t at;
} counts[] = {
#define AT(field) offsetof(xkv_check_report, field)
    {"entries", NULL, AT(keys)},
    {"bytes", NULL, AT(bytes)},
    {"findings", NULL, AT(findings)},
    {"damagedPages", "damaged pages", AT(damaged_pages)},
    {"damagedRecords", "damaged records", AT(damaged_records)},
    {"misplacedKeys", "keys out of order", AT(misplaced_keys)},
    {"brokenLinks", "broken links of long keys", AT(broken_links)},
    {"invalidValues", "values that are not JSON", AT(invalid_values)},
    {"doubtfulKeys", "entries of unknown age", AT(doubtful_keys)},
    {"lostKeys", "entries that are lost", AT(lost_keys)},
#undef AT
};

static uint64_t count_of(const xkv_check_report *report, size_t i) {
    return *(const uint64_t *)(const void *)((const char *)report + counts[i].at);
}

static const char *json_boolean(bool value) {
    return value ? "true" : "false";
}

static void print_json_end(const xkv_check_report *report) {
    const char *serialization = xkv_serialization_name(report->serialization);

    fputs(report->findings == 0 ? messages : "", stdout);
    fputs("],", stdout);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        printf("\"%s\":%" PRIu64 ",", counts[i].name, count_of(report, i));
    printf("\"lostIsKnown\":%s,\"older\":%s,\"searched\":%s,\"serialization\":",
           json_boolean(report->lost_is_known), json_boolean(report->is_older),
           json_boolean(report->is_scan));
    printf(serialization ? "\"%s\"}\n" : "null}\n", serialization);
}

static void print_counts(const xkv_check_report *report) {
    if (report->is_older)
        puts("the last commit cannot be read: this is the one before it");
    if (report->is_scan)
        puts("nothing leads to the entries any more: all pages were searched for them");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i].text && count_of(report, i) > 0)
            printf("%s: %" PRIu64 "\n", counts[i].text, count_of(report, i));
    }
    if (!report->lost_is_known)
        puts("how many entries are lost cannot be told");
}

static void print_end(const struct call *call, const xkv_check_report *report) {
    char size[SIZE_TEXT];

    if (report->findings > FINDINGS_MOST)
        printf("... and %" PRIu64 " more\n", report->findings - FINDINGS_MOST);
    print_counts(report);
    printf("%" PRIu64 " %s can be read, of a file of %s: %s\n", report->keys,
           report->keys == 1 ? "entry" : "entries", size_text((int64_t)report->bytes, size),
           report->findings == 0 ? "nothing is wrong" : "it is damaged");
    if (report->findings == 0)
        return;
    fputs("what can be read is saved by: xkv export ", stdout);
    print_bytes(stdout, xkv_text(call->words[0]), care_for(stdout, CELLS));
    puts(" FILE --salvage");
}

int run_check(const struct call *call) {
    struct findings findings = {.as_json = has(call, OPTION_REPORT)};
    char message[XKV_MESSAGE_SIZE];
    xkv_check_report report;

    int error =
        xkv_check_file(call->words[0], print_finding, &findings, &report, message, sizeof message);
    if (error != XKV_OK)
        return fail_store(message);
    if (findings.as_json)
        print_json_end(&report);
    else
        print_end(call, &report);
    return finish_output(report.findings == 0 ? DONE : NOT_FOUND);
}
