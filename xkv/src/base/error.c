/* error.c - see error.h */
#include "base/error.h"

#include <stdio.h>

const char *xkv_version(void) {
    return XKV_VERSION;
}

static const struct {
    const char *name, *text;
} errors[XKV_ERROR_END] = {[XKV_OK] = {"", "no error"},
#define X(code, name, text) [XKV_E_##code] = {name, text},
                           XKV_ERROR_MAP(X)
#undef X
};

static int known_error(int code) {
    return code >= 0 && code < XKV_ERROR_END ? code : XKV_E_INTERNAL;
}

const char *xkv_error_name(int code) {
    return errors[known_error(code)].name;
}

const char *xkv_error_text(int code) {
    return errors[known_error(code)].text;
}

int xkv__explain(char *message, size_t size, int code, const char *format, ...) {
    va_list arguments;

    if (message && size > 0) {
        va_start(arguments, format);
        vsnprintf(message, size, format, arguments);
        va_end(arguments);
    }
    return code;
}

static _Thread_local struct {
    int code;
    char message[XKV_MESSAGE_SIZE];
} reason;

int xkv__fail(int code, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason.message, sizeof reason.message, format, arguments);
    va_end(arguments);
    reason.code = code;
    return code;
}

const char *xkv__reason(int code) {
    const char *text = reason.code == code ? reason.message : xkv_error_text(code);

    reason.code = XKV_OK;
    return text;
}

int xkv__fail_as(int error, int code) {
    if (reason.code != error)
        return xkv__fail(code, "%s", xkv_error_text(error));
    reason.code = code;
    return code;
}

int xkv__fail_about(int error, const char *format, ...) {
    char words[XKV_MESSAGE_SIZE], why[XKV_MESSAGE_SIZE];
    va_list arguments;

    snprintf(why, sizeof why, "%s", xkv__reason(error));
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return xkv__fail(error, "%s: %s", words, why);
}

static void (*notice_to)(const char *text);

void xkv_set_notice(void (*notice)(const char *text)) {
    notice_to = notice;
}

void xkv__notice(const char *format, ...) {
    char text[XKV_MESSAGE_SIZE];
    va_list arguments;

    if (!notice_to)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    notice_to(text);
}
