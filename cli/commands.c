/*
 * commands.c - the commands and their options, in one table each
 *
 * Usage, --help, the manual page, the completions of the shells and the table in docs/TOOL.md
 * are made from these.
 */
#include "runs.h"

const struct option options_table[OPTIONS_END] = {
#define X(constant, name, letter, kind, value, choices, text)                                      \
    {name, letter, kind, value, choices, text},
    OPTIONS(X)
#undef X
};

const char about_text[] =
    "STORE is the file of a store. It may be left out: then it is " DEFAULT_STORE
    ", the one that openKv() opens. redis://host:port, rediss:// and unix:///path lead to a "
    "store on a Redis or Valkey server, which --name tells from others there. A password may stand "
    "in it, as in scripts, or the whole URL in the environment, in K6_KV_REDIS_URL: then STORE is "
    "redis:.\n\n"
    "Commands that only read work while k6 is running on the store. Of those that write there is "
    "one at a time: they say which process has the store, and --wait waits for it.\n\n"
    "On a terminal, characters that are not printable are shown as \\u001b or \\xff; to a file or "
    "another program all goes as it is.\n\n"
    "xkv ends with 0 if it is done, 1 if there is no such key or a check has failed, 2 if the "
    "command line is wrong, and 3 if the store or a file cannot be used.";

#define FORMS (HAS(JSON) | HAS(JSONL) | HAS(CSV))

const struct command commands_table[] = {
    {"get",
     "print the value of a key",
     {"STORE", "KEY"},
     HAS(RAW) | HAS(NAME),
     "Prints the value of KEY. Behind JSON and text a line ends; bytes, in a store with "
     "serialization binary, are printed without anything behind them.",
     {{"xkv get accounts.kv user:1", "the value of user:1"},
      {"xkv get accounts.kv user:1 | jq .email", "a member of it"}},
     run_get},
    {"set",
     "store a value under a key",
     {"STORE", "KEY", "VALUE"},
     HAS(STRING) | HAS(SERIALIZATION) | HAS(WAIT) | HAS(NAME),
     "Stores VALUE under KEY, in place of any other. A store that does not exist is made.\n\n"
     "VALUE must be JSON if the store holds JSON, as stores do if nothing else was asked for when "
     "they were made. If it is - the value is read from standard input; unless the store holds "
     "bytes, the end of the last line is no part of it.",
     {{"xkv set accounts.kv user:1 '{\"plan\":\"free\"}'", "store an object"},
      {"xkv set accounts.kv motd --string 'Good morning'", "store text, as a JSON string"},
      {"xkv set pages.kv / --serialization string - <index.html",
       "store what is in a file, in a store of text"}},
     run_set},
    {"delete",
     "remove a key",
     {"STORE", "KEY"},
     HAS(WAIT) | HAS(NAME),
     "Removes KEY and its value. A key that does not exist is an error (1).",
     {{"xkv delete accounts.kv user:1", "remove one key"},
      {"xkv delete accounts.kv user:1 --wait=30s", "wait for k6 to end, half a minute at most"}},
     run_delete},
    {"exists",
     "tell whether a key exists",
     {"STORE", "KEY"},
     HAS(NAME),
     "Prints true, or prints false and ends with 1.",
     {{"xkv exists accounts.kv user:1 && echo there", "do something if there is such a key"}},
     run_exists},
    {"list",
     "print entries: keys and values",
     {"STORE"},
     HAS(PREFIX) | HAS(LIMIT) | FORMS | HAS(NAME),
     "Prints entries in the order of their keys, a line for each: the key, a tab, the value. "
     "Where keys or values may hold tabs and ends of lines, --json, --jsonl and --csv keep them "
     "apart.\n\n"
     "In JSON, the values of a json store stand as they are, text as strings, and bytes as strings "
     "in base64.",
     {{"xkv list accounts.kv --prefix user: --limit 10", "the first ten whose keys begin so"},
      {"xkv list accounts.kv --jsonl | jq -r .value.email", "a member of each value"}},
     run_list},
    {"keys",
     "print keys",
     {"STORE"},
     HAS(PREFIX) | HAS(LIMIT) | FORMS | HAS(NAME),
     "Prints keys in their order, a line for each.",
     {{"xkv keys accounts.kv --prefix user:", "all keys that begin so"}},
     run_keys},
    {"count",
     "count keys",
     {"STORE"},
     HAS(PREFIX) | HAS(NAME),
     "Prints how many keys there are.",
     {{"xkv count accounts.kv", "all of them"},
      {"xkv count accounts.kv --prefix user:", "those that begin so"}},
     run_count},
    {"random",
     "print keys drawn at random",
     {"STORE"},
     HAS(PREFIX) | HAS(DRAWS) | FORMS | HAS(NAME),
     "Prints a key, or several different ones, in random order; each has the same chance. That "
     "there is none is an error (1).",
     {{"xkv random accounts.kv -n 5", "five keys"},
      {"xkv get accounts.kv \"$(xkv random accounts.kv)\"", "the value of a random key"}},
     run_random},
    {"import",
     "read a file of CSV, of JSONL, or a store, into a store",
     {"STORE", "FILE"},
     HAS(KEY_COLUMN) | HAS(ROW_KEYS) | HAS(NEW_PREFIX) | HAS(TYPES) | HAS(DELIMITER) |
         HAS(NO_HEADER) | HAS(LIMIT) | HAS(SERIALIZATION) | HAS(WAIT) | HAS(REPORT) | HAS(NAME),
     "Stores what is in FILE, whose name tells what it is: .csv, .jsonl (a line of "
     "{\"key\":...,\"value\":...} for each entry) or .kv, a store. A store that does not exist is "
     "made. Keys that are there already get new values; all others stay.\n\n"
     "A row of CSV becomes an object, with a member for each column. A record that cannot be read "
     "ends the import; what was stored before it stays.",
     {{"xkv import users.kv users.csv --key email", "keys from the column email"},
      {"xkv import users.kv users.csv --keys row --prefix user:", "keys user:0000000001 and so on"},
      {"xkv import all.kv old.kv --prefix old:", "the entries of another store, under a prefix"}},
     run_import},
    {"export",
     "write a store to a file of CSV or JSONL",
     {"STORE", "FILE"},
     HAS(COLUMNS) | HAS(NO_KEY) | HAS(DELIMITER) | HAS(PREFIX) | HAS(LIMIT) | HAS(SALVAGE) |
         HAS(TAKE_AS) | HAS(REPORT) | HAS(NAME),
     "Writes entries to FILE, whose name tells as what: .csv or .jsonl. They are those of one "
     "moment, whatever is written to the store meanwhile. The file is there when all of it is "
     "written, and not before.\n\n"
     "With --salvage the store may be damaged: what can be read is written, and it is said what "
     "was "
     "lost (1). To CSV and JSONL it goes through memory; a large store is better saved as a new "
     "one, "
     "to a FILE.kv that does not exist.",
     {{"xkv export users.kv users.jsonl", "a line of JSON for each entry"},
      {"xkv export users.kv users.csv --columns name,email", "a row with key, name and email"},
      {"xkv export users.kv saved.kv --salvage", "what can be saved of a damaged store"}},
     run_export},
    {"backup",
     "copy a store while it is in use",
     {"STORE", "FILE"},
     HAS(REPORT) | HAS(NAME),
     "Writes a store to FILE that has the entries of one moment. Whoever writes to the store goes "
     "on.",
     {{"xkv backup accounts.kv backup.kv", "a copy that k6 can open, too"}},
     run_backup},
    {"restore",
     "replace all entries by those of a backup",
     {"STORE", "FILE"},
     HAS(SERIALIZATION) | HAS(WAIT) | HAS(REPORT) | HAS(NAME),
     "Replaces all entries of the store by those of FILE, in one step: a backup, a store, or the "
     "file that another xk6-kv has written. A store that does not exist is made.",
     {{"xkv restore accounts.kv backup.kv", "as it was"},
      {"xkv restore new.kv .k6.kv.old", "move over from another xk6-kv"}},
     run_restore},
    {"stat",
     "tell how many entries a store has, and more",
     {"STORE"},
     HAS(JSON) | HAS(NAME),
     "Prints how many entries there are, how large the file is, what the store holds, how often it "
     "was changed, which process has it open for writing, and which prefixes its keys have.",
     {{"xkv stat accounts.kv", "for people"}, {"xkv stat accounts.kv --json", "for programs"}},
     run_stat},
    {"check",
     "look for damage in a store",
     {"STORE"},
     HAS(REPORT),
     "Reads all of the file, and checks its structure, the order of its keys, its counts, all "
     "checksums, and that the values of a json store are JSON. Says what is damaged, and how much "
     "can be read still. Damage is an error (1). What the file holds can do no harm.",
     {{"xkv check accounts.kv", "for people"}, {"xkv check accounts.kv --json", "for programs"}},
     run_check},
    {"watch",
     "look at a store again and again",
     {"STORE"},
     HAS(INTERVAL) | HAS(TIMES) | HAS(NAME),
     "Shows how many entries there are, how large the file is, how often it was changed (writes "
     "that come together are one commit), and how fast all of that grows, until it is interrupted. "
     "To a file or another program each look is a line of JSON.\n\n"
     "Which prefixes most keys have is estimated from a sample.",
     {{"xkv watch accounts.kv", "look once a second, beside a running k6"},
      {"xkv watch accounts.kv --interval 10s --count 6 >growth.jsonl", "note it for a minute"}},
     run_watch},
};

const size_t commands_count = sizeof commands_table / sizeof commands_table[0];

const struct command *command_find(const char *name) {
    for (size_t i = 0; i < commands_count; i++) {
        if (strcmp(commands_table[i].name, name) == 0)
            return &commands_table[i];
    }
    return NULL;
}

size_t command_arguments(const struct command *command) {
    size_t count = 0;

    while (count < WORDS_MOST && command->arguments[count])
        count++;
    return count;
}
