#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/map.h"

enum { ELEMENTS = 5000 };

typedef struct element {
    bb_map_node node;
    unsigned key, seen;
    bool in;
} element;

static element elements[ELEMENTS];
static bool out_of_memory;

static void *alloc(void *context, size_t size)
{
    return out_of_memory ? NULL : malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

static bb_mem heap(void)
{
    out_of_memory = false;
    memset(elements, 0, sizeof elements);
    return (bb_mem){.alloc = alloc, .release = release};
}

/* Three keys share each hash. */
static uint64_t hash_of(unsigned key)
{
    return (uint64_t)(key / 3) * 0x9e3779b97f4a7c15ull;
}

static element *find(const bb_map *map, unsigned key)
{
    bb_map_node *node = bb_map_first(map, hash_of(key));
    while (node && BB_CONTAINER_OF(node, element, node)->key != key)
        node = bb_map_next(node);
    return node ? BB_CONTAINER_OF(node, element, node) : NULL;
}

static void see(void *context, bb_map_node *node)
{
    BB_CONTAINER_OF(node, element, node)->seen++;
}

static void it_agrees_with_an_array(void **state)
{
    bb_mem mem = heap();
    bb_map map;
    uint64_t random = 11, count = 0;
    bb_map_init(&map, &mem);
    for (unsigned step = 0; step < 40000; step++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        unsigned key = (unsigned)(random >> 33) % ELEMENTS;
        element *e = &elements[key];
        e->key = key;
        assert_ptr_equal(find(&map, key), e->in ? e : NULL);
        if (e->in)
            bb_map_remove(&map, &e->node);
        else
            assert_true(bb_map_add(&map, &e->node, hash_of(key)));
        e->in = !e->in;
        count += e->in ? 1 : UINT64_MAX;
        assert_int_equal(map.count, count);
    }
    bb_map_each(&map, see, NULL);
    for (unsigned i = 0; i < ELEMENTS; i++) {
        assert_int_equal(elements[i].seen, elements[i].in);
        if (elements[i].in)
            bb_map_remove(&map, &elements[i].node);
    }
    assert_int_equal(mem.bytes_now, 0); /* an empty map owns nothing */
    bb_map_deinit(&map);
}

static void take_out(void *context, bb_map_node *node)
{
    bb_map_remove(context, node);
}

static void a_visit_may_remove_what_it_is_given(void **state)
{
    bb_mem mem = heap();
    bb_map map;
    bb_map_init(&map, &mem);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(bb_map_add(&map, &elements[i].node, hash_of(i)));
    bb_map_each(&map, take_out, &map);
    assert_int_equal(map.count, 0);
    bb_map_deinit(&map);
    assert_int_equal(mem.bytes_now, 0);
}

static void without_memory_it_only_gets_slower(void **state)
{
    bb_mem mem = heap();
    bb_map map;
    bb_map_init(&map, &mem);
    out_of_memory = true;
    assert_false(bb_map_add(&map, &elements[0].node, 1));
    assert_null(bb_map_first(&map, 1));
    out_of_memory = false;
    assert_true(bb_map_add(&map, &elements[0].node, 0));
    out_of_memory = true;
    for (unsigned i = 1; i < 100; i++)
        assert_true(bb_map_add(&map, &elements[i].node, i));
    for (unsigned i = 0; i < 100; i++)
        assert_ptr_equal(bb_map_first(&map, i), &elements[i].node);
    for (unsigned i = 0; i < 100; i++)
        bb_map_remove(&map, &elements[i].node);
    bb_map_deinit(&map);
    assert_int_equal(mem.bytes_now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_an_array),
        cmocka_unit_test(a_visit_may_remove_what_it_is_given),
        cmocka_unit_test(without_memory_it_only_gets_slower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
