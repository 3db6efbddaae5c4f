/*
 * options.h - the options of a store
 */
#ifndef XKV_COMMAND_OPTIONS_H
#define XKV_COMMAND_OPTIONS_H

#include "base/config.h"
#include "base/text.h"

/* Checks the ranges of a struct that was filled by hand. */
int xkv__options_check(const xkv_options *options, char *message, size_t size);

/* Texts that are NULL become their defaults. */
void xkv__options_fill(xkv_options *options);

/* The script name of the first option that two stores differ in, NULL if none;
 * both values as text in a and b. Names, paths and seeds do not count. */
#define XKV__VALUE_TEXT XKV__QUOTE_SIZE
const char *xkv__options_difference(const xkv_options *one, const xkv_options *other,
                                    char a[XKV__VALUE_TEXT], char b[XKV__VALUE_TEXT]);

/* A deep copy's text fields belong to it: free them with xkv__options_free. */
int xkv__options_copy(xkv_options *to, const xkv_options *from);
void xkv__options_free(xkv_options *options);

#endif
