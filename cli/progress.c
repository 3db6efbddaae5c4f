/*
 * progress.c - see progress.h
 *
 *     users.csv  [########----------------]  34 %  12.3 MB/s  0:07 left
 */
#include "progress.h"

#include "facts.h"
#include "print.h"
#include "terminal.h"

#include <inttypes.h>

enum {
    EVERY_MS = 200,
    NAME_MOST = 30,
    BAR_MOST = 40,
    BAR_LEAST = 8,
    TEXT_ROOM = 160,
    LEFT_ROOM = 48
};

static bool shown;
static int64_t shown_ms;

/* -- What stands beside the bar ------------------------------------------------------- */

/* "0:07 left" */
static void left_text(const xkv_progress *progress, char out[LEFT_ROOM]) {
    double share = (double)progress->bytes / (double)progress->total_bytes;
    int64_t seconds =
        share > 0 ? (int64_t)((double)progress->elapsed_ms / share * (1 - share) / 1000) : 0;

    snprintf(out, LEFT_ROOM, "%" PRId64 ":%02d left", seconds / 60, (int)(seconds % 60));
}

/* Where it is not known how much there is, only what was done can be told. */
static void numbers_text(const xkv_progress *progress, char out[TEXT_ROOM]) {
    int64_t ms = progress->elapsed_ms > 0 ? progress->elapsed_ms : 1;
    char rate[SIZE_TEXT], size[SIZE_TEXT], left[LEFT_ROOM];

    size_text((int64_t)((double)progress->bytes * 1000 / (double)ms), rate);
    if (progress->total_bytes <= 0) {
        snprintf(out, TEXT_ROOM, "  %" PRId64 " entries  %s  %s/s", progress->entries,
                 size_text(progress->bytes, size), rate);
        return;
    }
    left_text(progress, left);
    snprintf(out, TEXT_ROOM, "  %3d %%  %s/s  %s",
             (int)(100.0 * (double)progress->bytes / (double)progress->total_bytes), rate, left);
}

/* The end of a path, as far as there is room. */
static xkv_bytes short_name(const char *path) {
    const char *slash = strrchr(path, '/');
    xkv_bytes name = xkv_text(slash && slash[1] ? slash + 1 : path);

    if (name.len > NAME_MOST)
        name.len = NAME_MOST;
    return name;
}

/* -- The line ------------------------------------------------------------------------- */

static void print_bar(const xkv_progress *progress, int width) {
    double share = (double)progress->bytes / (double)progress->total_bytes;

    fputs("  [", stderr);
    for (int i = 0; i < width; i++)
        putc(i < share * width ? '#' : '-', stderr);
    putc(']', stderr);
}

static void print_line(const xkv_progress *progress) {
    xkv_bytes name = short_name(progress->file_name);
    char numbers[TEXT_ROOM];
    int columns, rows;

    terminal_size(stderr, &columns, &rows);
    numbers_text(progress, numbers);
    int room = columns - (int)name.len - (int)strlen(numbers) - 5;
    fputs("\r\x1b[?7l", stderr); /* what has no room is cut off */
    print_bytes(stderr, name, CELLS);
    if (progress->total_bytes > 0 && room >= BAR_LEAST)
        print_bar(progress, room < BAR_MOST ? room : BAR_MOST);
    fprintf(stderr, "%s\x1b[K\x1b[?7h", numbers);
    fflush(stderr);
}

void progress_show(const xkv_progress *progress, void *context) {
    int64_t now = terminal_now_ms();

    (void)context;
    if (!terminal_is(stderr) || progress->elapsed_ms < EVERY_MS ||
        (shown && now - shown_ms < EVERY_MS / 2))
        return;
    print_line(progress);
    shown = true;
    shown_ms = now;
}

void progress_begin(void) {
    shown = false;
    xkv_set_progress(progress_show, NULL, EVERY_MS);
}

void progress_end(void) {
    xkv_set_progress(NULL, NULL, EVERY_MS);
    if (shown)
        fputs("\r\x1b[K", stderr);
    shown = false;
}
