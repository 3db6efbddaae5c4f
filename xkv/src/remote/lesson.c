/* lesson.c - see lesson.h */
#include "remote/lesson.h"

#include "base/error.h"
#include "remote/protocol.h"

static int ask_lesson(const xkv__trip *lesson, xkv__buffer *out) {
    (void)lesson;
    (void)xkv__put_scripts(out);
    return out->error;
}

static void hear_lesson(xkv__trip *lesson, int error, xkv_bytes answer) {
    (void)lesson, (void)answer;
    if (error != XKV_OK)
        (void)xkv__reason(error);
}

static void forget_lesson(xkv__trip *lesson) {
    (void)lesson;
}

unsigned xkv__lesson_prepare(xkv__trip *lesson, int64_t deadline_ns) {
    static const xkv__trip_ops ops = {
        .ask = ask_lesson, .come_back = hear_lesson, .free = forget_lesson};
    unsigned count = 0;

    while (xkv__script(count))
        count++;
    *lesson = (xkv__trip){.ops = &ops, .deadline_ns = deadline_ns};
    return count;
}
