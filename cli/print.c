/* print.c - see print.h */
#include "print.h"
#include "terminal.h"

#include <stdlib.h>

enum care care_for(FILE *to, enum care on_terminal) {
    return terminal_is(to) ? on_terminal : AS_IT_IS;
}

/* -- UTF-8 ------------------------------------------------------------------------ */

/* The length of the character at the beginning of bytes, and which it is; 0 if there is none. */
static size_t decode(const unsigned char *at, size_t len, uint32_t *character) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = *at < 0x80 ? 1 : *at < 0xC2 ? 0 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : 4;

    if (need == 0 || need > len || *at > 0xF4)
        return 0;
    *character = need == 1 ? *at : *at & (0x7Fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        *character = *character << 6 | (at[i] & 0x3Fu);
    }
    bool surrogate = *character >= 0xD800 && *character <= 0xDFFF;
    return *character >= least[need] && *character <= 0x10FFFF && !surrogate ? need : 0;
}

static size_t encode(uint32_t character, char out[4]) {
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t len = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    for (size_t i = len - 1; i > 0; i--, character >>= 6)
        out[i] = (char)(0x80 | (character & 0x3F));
    out[0] = (char)(first[len] | character);
    return len;
}

/* Control characters; what hides, or turns the direction of text; ends of lines. */
static bool is_printable(uint32_t character) {
    static const uint32_t ranges[][2] = {{0, 0x1F},        {0x7F, 0x9F},     {0x200B, 0x200F},
                                         {0x2028, 0x202E}, {0x2060, 0x2069}, {0xFEFF, 0xFEFF}};

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (character >= ranges[i][0] && character <= ranges[i][1])
            return false;
    }
    return true;
}

/* As JSON has it; all that is not printable lies in the first plane. */
static void print_escaped(FILE *to, uint32_t character) {
    static const char plain[] = "\b\f\n\r\t", letters[] = "bfnrt";
    const char *short_one = character ? strchr(plain, (int)character) : NULL;

    if (character < 0x80 && short_one)
        fprintf(to, "\\%c", letters[short_one - plain]);
    else
        fprintf(to, "\\u%04x", (unsigned)character);
}

/* -- Text ------------------------------------------------------------------------- */

static void print_carefully(FILE *to, xkv_bytes bytes, enum care care) {
    const unsigned char *at = bytes.data, *end = at + bytes.len;
    uint32_t character = 0;

    while (at < end) {
        size_t len = decode(at, (size_t)(end - at), &character);
        bool stays = care == LINES && (character == '\n' || character == '\t');
        if (len == 0)
            fprintf(to, "\\x%02x", *at);
        else if (stays || is_printable(character))
            fwrite(at, 1, len, to);
        else
            print_escaped(to, character);
        at += len ? len : 1;
    }
}

void print_bytes(FILE *to, xkv_bytes bytes, enum care care) {
    if (care != AS_IT_IS)
        print_carefully(to, bytes, care);
    else if (bytes.len > 0)
        fwrite(bytes.data, 1, bytes.len, to);
}

void print_csv(FILE *to, xkv_bytes field, enum care care) {
    const char *at = field.data, *end = at + field.len;
    bool quoted = false;

    for (const char *c = at; c < end; c++)
        quoted = quoted || strchr(",\"\r\n", *c);
    if (!quoted) {
        print_bytes(to, field, care);
        return;
    }
    putc('"', to);
    while (at < end) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        size_t len = (size_t)((quote ? quote : end) - at);
        print_bytes(to, (xkv_bytes){at, len}, care);
        if (quote)
            fputs("\"\"", to);
        at += len + (quote ? 1 : 0);
    }
    putc('"', to);
}

/* -- JSON ------------------------------------------------------------------------- */

void print_json_text(FILE *to, xkv_bytes text) {
    const unsigned char *at = text.data, *end = at + text.len;
    uint32_t character = 0;

    putc('"', to);
    while (at < end) {
        size_t len = decode(at, (size_t)(end - at), &character);
        if (len == 0)
            fputs("\\ufffd", to);
        else if (!is_printable(character))
            print_escaped(to, character);
        else {
            if (character == '"' || character == '\\')
                putc('\\', to);
            fwrite(at, 1, len, to);
        }
        at += len ? len : 1;
    }
    putc('"', to);
}

static void print_base64(FILE *to, xkv_bytes bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes.data;

    putc('"', to);
    for (size_t left = bytes.len; left > 0; left -= left < 3 ? left : 3, at += 3) {
        uint32_t three =
            (uint32_t)at[0] << 16 | (left > 1 ? (uint32_t)at[1] << 8 : 0) | (left > 2 ? at[2] : 0u);
        for (unsigned i = 0; i < 4; i++)
            putc(i <= left ? digits[three >> (18 - 6 * i) & 63] : '=', to);
    }
    putc('"', to);
}

/* Outside of its strings a line may end in JSON, but not in a line of JSON. */
static void print_json(FILE *to, xkv_bytes json) {
    const char *at = json.data, *end = at + json.len;

    while (at < end) {
        size_t len = 0;
        while (at + len < end && at[len] != '\n' && at[len] != '\r')
            len++;
        print_bytes(to, (xkv_bytes){at, len}, care_for(to, CELLS));
        at += len;
        if (at < end)
            putc(' ', to), at++;
    }
}

bool print_json_value(FILE *to, int serialization, xkv_bytes value) {
    size_t at;

    if (serialization == XKV_JSON && xkv_check_json(value, &at) != XKV_OK)
        return false;
    if (serialization == XKV_JSON)
        print_json(to, value);
    else if (serialization == XKV_STRING)
        print_json_text(to, value);
    else
        print_base64(to, value);
    return true;
}

/* -- The text of a JSON string ------------------------------------------------------ */

static uint32_t read_hex(const char *digits) {
    char text[5] = {digits[0], digits[1], digits[2], digits[3], '\0'};
    return (uint32_t)strtoul(text, NULL, 16);
}

/* The character that an escape stands for, behind its backslash; moves *at past it. */
static uint32_t read_escape(const char **at) {
    static const char letters[] = "bfnrt", plain[] = "\b\f\n\r\t";
    char letter = *(*at)++;

    if (letter != 'u') {
        const char *found = strchr(letters, letter);
        return (unsigned char)(found ? plain[found - letters] : letter);
    }
    uint32_t one = read_hex(*at), two;
    *at += 4;
    if (one < 0xD800 || one > 0xDFFF)
        return one;
    if (one > 0xDBFF || (*at)[0] != '\\' || (*at)[1] != 'u')
        return 0xFFFD; /* half a pair */
    two = read_hex(*at + 2);
    if (two < 0xDC00 || two > 0xDFFF)
        return 0xFFFD;
    *at += 6;
    return 0x10000 + ((one - 0xD800) << 10) + (two - 0xDC00);
}

/* Of what is JSON, so every escape is complete. */
bool print_json_string_text(FILE *to, xkv_bytes json, enum care care) {
    const char *at = json.data, *end = at + json.len;
    size_t used;

    if (xkv_check_json(json, &used) != XKV_OK)
        return false;
    while (strchr(" \t\r\n", *at))
        at++;
    if (*at++ != '"')
        return false;
    while (*at != '"') {
        char text[4];
        size_t len = 0;
        while (at + len < end && at[len] != '"' && at[len] != '\\')
            len++;
        print_bytes(to, (xkv_bytes){at, len}, care);
        at += len;
        if (*at != '\\')
            continue;
        at++;
        len = encode(read_escape(&at), text);
        print_bytes(to, (xkv_bytes){text, len}, care);
    }
    return true;
}
