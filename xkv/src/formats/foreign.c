/* foreign.c - see foreign.h */
#include "formats/foreign.h"

#include "base/error.h"
#include "base/text.h"

int xkv__foreign_key(xkv_bytes key) {
    char quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_VALUE_PARSE, "the key %s is not UTF-8; another program has stored it",
                     xkv__quote(key, quoted));
}

int xkv__foreign_value(xkv_bytes key, const char *what) {
    char quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_VALUE_PARSE, "the value of %s is %s; another program has stored it",
                     xkv__quote(key, quoted), what);
}
