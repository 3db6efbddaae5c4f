/* scalar.c - see scalar.h */
#include "command/scalar.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

/* The program's locale may write 1.5 as 1,5, or with a point of several bytes. */
static void write_point(char *number) {
    char *point = number + strspn(number, "+-0123456789e");
    size_t len = strcspn(point, "+-0123456789e");

    if (len == 0)
        return;
    *point = '.';
    memmove(point + 1, point + len, strlen(point + len) + 1);
}

/* The shortest text that reads back as the number. strtod goes by the locale as
 * snprintf does. */
static void fraction_text(double number, char *out, size_t size) {
    for (int precision = 1; precision <= DBL_DECIMAL_DIG; precision++) {
        snprintf(out, size, "%.*g", precision, number);
        if (strtod(out, NULL) == number)
            break;
    }
    write_point(out);
}

static void number_text(double number, char *out, size_t size) {
    if (number != number)
        snprintf(out, size, "NaN");
    else if (number > DBL_MAX || number < -DBL_MAX)
        snprintf(out, size, "%sInfinity", number < 0 ? "-" : "");
    else if (number > -9e18 && number < 9e18 && number == (double)(int64_t)number)
        snprintf(out, size, "%lld", (long long)number);
    else
        fraction_text(number, out, size);
}

const char *xkv__scalar_text(const xkv_scalar *value, char out[XKV__SCALAR_SIZE]) {
    xkv_bytes bytes;

    if (xkv__scalar_bytes(value, &bytes))
        return xkv__quote(bytes, out);
    if (value->type == XKV_TYPE_NUMBER)
        number_text(value->number, out, XKV__SCALAR_SIZE);
    else if (value->type == XKV_TYPE_BOOL)
        snprintf(out, XKV__SCALAR_SIZE, "%s", value->boolean ? "true" : "false");
    else
        snprintf(out, XKV__SCALAR_SIZE, "%s", value->text);
    return out;
}

bool xkv__scalar_integer(const xkv_scalar *value, int64_t *number) {
    if (value->type != XKV_TYPE_NUMBER || !(value->number >= -0x1p63 && value->number < 0x1p63))
        return false;
    int64_t whole = (int64_t)value->number;
    if ((double)whole != value->number)
        return false;
    *number = whole;
    return true;
}

bool xkv__scalar_bytes(const xkv_scalar *value, xkv_bytes *bytes) {
    if (value->type != XKV_TYPE_TEXT && value->type != XKV_TYPE_BYTES)
        return false;
    *bytes = value->type == XKV_TYPE_TEXT ? xkv_text(value->text) : value->bytes;
    return true;
}
