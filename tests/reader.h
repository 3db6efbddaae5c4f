/*
 * reader.h - a client in a thread of its own, which reads when it is told to
 */
#ifndef XKV_TESTS_READER_H
#define XKV_TESTS_READER_H

#include "support.h"

#include <pthread.h>
#include <semaphore.h>

static struct {
    struct client client;
    void (*read)(struct client *client);
    pthread_t thread;
    sem_t begin, end;
    bool stops;
} reader;

static inline void *reader_main(void *argument) {
    (void)argument;
    for (;;) {
        sem_wait(&reader.begin);
        if (reader.stops)
            return NULL;
        reader.read(&reader.client);
        sem_post(&reader.end);
    }
}

static inline void reader_start(const xkv_options *options, void (*read)(struct client *client)) {
    client_open(&reader.client, options, false);
    reader.read = read;
    reader.stops = false;
    MUST(sem_init(&reader.begin, 0, 0) == 0 && sem_init(&reader.end, 0, 0) == 0);
    MUST(pthread_create(&reader.thread, NULL, reader_main, NULL) == 0);
}

/* Lets it read. The semaphore end hears when it has. */
static inline void reader_begin(void) {
    sem_post(&reader.begin);
}

static inline void reader_stop(void) {
    reader.stops = true;
    sem_post(&reader.begin);
    pthread_join(reader.thread, NULL);
    client_close(&reader.client);
}

#endif
