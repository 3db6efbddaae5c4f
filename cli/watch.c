/*
 * watch.c - looks at a store again and again
 *
 * On a terminal a view is drawn over the last one; lines are cut off at its edge by the
 * terminal itself. Elsewhere each look is a line of JSON.
 */
#include "runs.h"

#include "facts.h"
#include "print.h"
#include "session.h"
#include "terminal.h"

#include <inttypes.h>

enum { SECOND_MS = 1000, SAMPLING_SHARE = 20 };

struct view {
    const struct call *call;
    bool on_terminal;
    int drawn; /* lines of the last one */
    struct facts now, before;
    int64_t now_ms, before_ms;
    bool first;
    struct prefixes prefixes;
    int64_t sample_again_ms; /* not before */
};

/* -- Looking ------------------------------------------------------------------------ */

/* How much something has grown in a second. */
static double rate(const struct view *view, int64_t before, int64_t now) {
    int64_t ms = view->now_ms - view->before_ms;

    return view->first || ms <= 0 ? 0 : (double)(now - before) * (double)SECOND_MS / (double)ms;
}

/* A sample may cost a walk over all keys, so it is taken only so often that this is a small
 * share of the time. */
static int sample(struct view *view, struct session *session) {
    struct prefixes prefixes;
    int64_t start = terminal_now_ms();

    if (start < view->sample_again_ms)
        return DONE;
    int code = prefixes_sample(session, view->now.count, &prefixes);
    int64_t end = terminal_now_ms();
    view->sample_again_ms = end + (end - start) * SAMPLING_SHARE;
    if (code != DONE)
        return code;
    prefixes_free(&view->prefixes);
    view->prefixes = prefixes;
    return DONE;
}

static int look(struct view *view, struct session *session) {
    view->before = view->now;
    view->before_ms = view->now_ms;
    int code = facts_take(session, &view->now);
    view->now_ms = terminal_now_ms();
    return code == DONE ? sample(view, session) : code;
}

/* -- For people --------------------------------------------------------------------- */

static void end_line(struct view *view) {
    fputs("\x1b[K\n", stdout);
    view->drawn++;
}

/* "  +1.2 kB/s" */
static void print_rate(double rate, const char *unit) {
    char size[SIZE_TEXT];

    if (strcmp(unit, "bytes") == 0)
        printf("   %s%s/s", rate < 0 ? "-" : "+",
               size_text((int64_t)(rate < 0 ? -rate : rate), size));
    else
        printf("   %+.0f/s", rate);
}

static void print_counts(struct view *view) {
    char size[SIZE_TEXT];

    printf("entries   %12" PRId64, view->now.count);
    print_rate(rate(view, view->before.count, view->now.count), "");
    end_line(view);
    printf("size      %12s", size_text(view->now.bytes, size));
    print_rate(rate(view, view->before.bytes, view->now.bytes), "bytes");
    end_line(view);
}

static void print_activity(struct view *view) {
    printf("commits   %12" PRId64, view->now.activity.commits);
    print_rate(rate(view, view->before.activity.commits, view->now.activity.commits), "");
    if (view->now.activity.writer > 0)
        printf("   by process %" PRId64, view->now.activity.writer);
    end_line(view);
}

static void print_prefixes(struct view *view, int rows) {
    if (view->prefixes.count == 0)
        return;
    fputs("prefixes, about", stdout);
    end_line(view);
    for (size_t i = 0; i < view->prefixes.count && view->drawn < rows - 1; i++) {
        printf("%22" PRId64 "   ", view->prefixes.list[i].keys);
        print_bytes(stdout, view->prefixes.list[i].name, CELLS);
        end_line(view);
    }
}

static void draw(struct view *view) {
    int columns, rows;

    terminal_size(stdout, &columns, &rows);
    if (view->drawn > 0)
        printf("\x1b[%dA\r", view->drawn);
    view->drawn = 0;
    print_bytes(stdout, view->now.path, CELLS);
    printf("   %s", xkv_serialization_name(view->now.serialization));
    end_line(view);
    print_counts(view);
    print_activity(view);
    print_prefixes(view, rows);
    fputs("\x1b[J", stdout); /* what the last view had below */
}

/* -- For programs ------------------------------------------------------------------- */

static void print_line(const struct view *view) {
    char time[TIME_TEXT];

    printf("{\"time\":\"%s\"", terminal_time(time));
    facts_print_json(&view->now);
    if (!view->first)
        printf(",\"entriesPerSecond\":%.0f,\"bytesPerSecond\":%.0f,\"commitsPerSecond\":%.0f",
               rate(view, view->before.count, view->now.count),
               rate(view, view->before.bytes, view->now.bytes),
               rate(view, view->before.activity.commits, view->now.activity.commits));
    fputs(",\"prefixesAbout\":", stdout);
    prefixes_print_json(&view->prefixes);
    puts("}");
}

/* -- Again and again ---------------------------------------------------------------- */

static int show(struct view *view) {
    if (view->on_terminal)
        draw(view);
    else
        print_line(view);
    view->first = false;
    return finish_output(DONE);
}

static int watch(struct view *view, struct session *session) {
    const struct call *call = view->call;
    int64_t interval = has(call, OPTION_INTERVAL) ? call->numbers[OPTION_INTERVAL] : SECOND_MS;
    int64_t times = has(call, OPTION_TIMES) ? call->numbers[OPTION_TIMES] : INT64_MAX;
    int code = DONE;

    do {
        code = look(view, session);
        if (code == DONE)
            code = show(view);
    } while (code == DONE && --times > 0 && terminal_sleep(interval));
    return code;
}

int run_watch(const struct call *call) {
    struct view view = {.call = call, .on_terminal = terminal_is(stdout), .first = true};
    struct session session;
    int code = session_open(&session, call, READING);

    if (code != DONE)
        return code;
    terminal_watch_interruptions();
    if (view.on_terminal)
        fputs("\x1b[?25l\x1b[?7l", stdout); /* no cursor, and long lines are cut off */
    code = watch(&view, &session);
    if (view.on_terminal)
        fputs("\x1b[?7h\x1b[?25h", stdout);
    prefixes_free(&view.prefixes);
    return session_close(&session, code);
}
