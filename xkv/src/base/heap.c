/* heap.c - see heap.h. The first is at place 1, and none is before that at half its place. */
#include "base/heap.h"

#include "base/sys.h"

int xkv__heap_reserve(xkv__heap *heap, size_t count) {
    if (count <= heap->room)
        return XKV_OK;
    size_t room = heap->room * 2 > count ? heap->room * 2 : count + 64;
    xkv__heap_node **nodes = xkv__resize(heap->nodes, (room + 1) * sizeof(xkv__heap_node *));
    if (!nodes)
        return XKV_E_STORE_FULL;
    heap->nodes = nodes;
    heap->room = room;
    return XKV_OK;
}

void xkv__heap_free(xkv__heap *heap) {
    xkv__free(heap->nodes);
    *heap = (xkv__heap){NULL, 0, 0};
}

static void put_node(xkv__heap *heap, xkv__heap_node *node, size_t place) {
    heap->nodes[place] = node;
    node->place = place;
}

/* Moves a node towards the first place as far as it belongs, */
static void rise(xkv__heap *heap, xkv__heap_node *node, size_t place) {
    for (; place > 1 && heap->nodes[place / 2]->key > node->key; place /= 2)
        put_node(heap, heap->nodes[place / 2], place);
    put_node(heap, node, place);
}

/* or away from it. */
static void sink(xkv__heap *heap, xkv__heap_node *node, size_t place) {
    for (size_t next; (next = place * 2) <= heap->count; place = next) {
        if (next < heap->count && heap->nodes[next + 1]->key < heap->nodes[next]->key)
            next++;
        if (heap->nodes[next]->key >= node->key)
            break;
        put_node(heap, heap->nodes[next], place);
    }
    put_node(heap, node, place);
}

void xkv__heap_put(xkv__heap *heap, xkv__heap_node *node, uint64_t key) {
    size_t place = node->place > 0 ? node->place : ++heap->count;

    node->key = key;
    rise(heap, node, place);
    sink(heap, node, node->place);
}

void xkv__heap_remove(xkv__heap *heap, xkv__heap_node *node) {
    size_t place = node->place;

    if (place == 0)
        return;
    xkv__heap_node *last = heap->nodes[heap->count--];
    node->place = 0;
    if (last == node)
        return;
    rise(heap, last, place);
    sink(heap, last, last->place);
}
