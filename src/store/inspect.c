/* inspect.c - what a data folder holds, for people and for programs.
 *
 * Where no broker uses the folder, the log is taken into the table as at a start, but in one transaction that is
 * aborted at the end: so the answer is whole, and nothing changes. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/printable.h"
#include "store/folder.h"
#include "store/spill.h"
#include "store/store_inside.h"

typedef struct inspection {
    bb_store store; /* as much of one as load.c needs */
    bb_mem mem;
    bb_table *table;  /* the real one */
    bb_table overlay; /* stands in front of it: reads happen inside `txn` */
    bb_txn *txn;
    int lock;
    long owner;
    bb_wal *wal;
    bb_wal_found found;
    bb_digest digest;
    json_t *sessions, *session, *retained;
} inspection;

static void *take(void *context, size_t size)
{
    return malloc(size);
}

static void give(void *context, void *block, size_t size)
{
    free(block);
}

static bb_time clock_now(void *context)
{
    return 0;
}

static uint64_t wall_now(void *context)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- reading inside the one transaction */

static int overlay_begin(bb_table *table, bool write, bb_txn **out)
{
    *out = BB_CONTAINER_OF(table, inspection, overlay)->txn;
    return 0;
}

static void overlay_abort(bb_txn *txn)
{
}

/* --- the log on top of the table */

static int each_record(bb_span rest, int (*use)(void *, const bb_record *), void *context)
{
    bb_record record;
    while (rest.len > 0) {
        if (bb_record_decode(&rest, &record, NULL) != BB_OK)
            return EBADMSG;
        int failed = use(context, &record);
        if (failed)
            return failed;
    }
    return 0;
}

static int digest_record(void *context, const bb_record *record)
{
    bb_digest *digest = context;
    return bb_digest_take(digest, digest->scanned, record) ? 0 : ENOMEM;
}

static int spill_record(void *context, const bb_record *record)
{
    return bb_spill_record(context, record);
}

static bb_store_status digest_frame(void *context, uint64_t position, const bb_frame *frame, bb_store_error *error)
{
    int failed = each_record(frame->records, digest_record, context);
    return failed ? bb_store_fail_system(error, failed, "understand", "the journal") : BB_STORE_OK;
}

static bb_store_status spill_frame(void *context, uint64_t position, const bb_frame *frame, bb_store_error *error)
{
    int failed = each_record(frame->records, spill_record, context);
    if (failed == BB_TABLE_GROW)
        return bb_store_fail(error, BB_STORE_FULL, NULL, 0, "the table has to be enlarged");
    return failed ? bb_store_fail_system(error, failed, "understand", "the journal") : BB_STORE_OK;
}

static bb_store_status spill_segment(inspection *in, uint64_t number, bb_store_error *error)
{
    bb_spill spill;
    int failed = bb_spill_init(&spill, &in->mem, in->txn, &in->digest, number);
    bb_store_status status = failed ? bb_store_fail_system(error, failed, "read", "the table")
                                    : bb_wal_read(in->wal, number, spill_frame, &spill, error);
    if (status == BB_STORE_OK) {
        failed = bb_spill_finish(&spill);
        if (failed)
            status = bb_store_fail_system(error, failed == BB_TABLE_GROW ? ENOSPC : failed, "read", "the table");
    }
    bb_spill_deinit(&spill);
    return status;
}

static bb_store_status lay_log_on_table(inspection *in, bb_store_error *error)
{
    bb_store_status status = BB_STORE_OK;
    bb_digest_init(&in->digest, &in->mem, UINT32_MAX);
    for (uint64_t n = 0; status == BB_STORE_OK && (n = bb_wal_closed_after(in->wal, n)) != 0;) {
        in->digest.scanned = n;
        status = bb_wal_read(in->wal, n, digest_frame, &in->digest, error);
    }
    for (uint64_t n = 0; status == BB_STORE_OK && (n = bb_wal_closed_after(in->wal, n)) != 0;)
        status = spill_segment(in, n, error);
    bb_digest_deinit(&in->digest);
    return status;
}

/* --- as JSON */

/* Text of a client: valid UTF-8 if it came by MQTT, but a damaged folder is looked at with this too. */
static json_t *text_of(bb_span text)
{
    json_t *string = json_stringn(text.len ? (const char *)text.data : "", text.len);
    char shown[512];
    if (string)
        return string;
    size_t len = bb_printable(shown, sizeof shown, text, BB_PRINTABLE_TEXT, NULL);
    return json_stringn(shown, len);
}

static json_t *seconds_of(uint32_t seconds)
{
    return seconds == UINT32_MAX ? json_null() : json_integer(seconds);
}

static bool see_session(void *context, const bb_stored_session *s)
{
    inspection *in = context;
    const bb_record *r = s->record;
    json_t *session = json_pack(
        "{s:I, s:o, s:o, s:I, s:b, s:o, s:I, s:I, s:I, s:[], s:[]}", "number", (json_int_t)r->session, "client_id",
        text_of(r->client_id), "user", text_of(r->user), "mqtt", (json_int_t)r->mqtt, "connected", s->connected,
        "expiry_left_s", seconds_of(s->expiry_left_s), "queued", (json_int_t)s->queued, "queued_bytes",
        (json_int_t)s->queued_bytes, "sequence_next", (json_int_t)s->sequence_next, "subscriptions", "inbound");
    if (session && r->has_will)
        json_object_set_new(session, "will",
                            json_pack("{s:o, s:I, s:b, s:o}", "topic", text_of(r->topic), "qos", (json_int_t)r->qos,
                                      "retain", (int)r->retain, "delay_left_s", seconds_of(s->will_left_s)));
    in->session = session;
    return session && json_array_append_new(in->sessions, session) == 0;
}

static bool see_subscription(void *context, const bb_record *r)
{
    return json_array_append_new(json_object_get(((inspection *)context)->session, "subscriptions"),
                                 json_pack("{s:o, s:I, s:I}", "filter", text_of(r->filter), "options",
                                           (json_int_t)r->options, "id", (json_int_t)r->subscription_id)) == 0;
}

static bool see_inbound(void *context, uint64_t session, uint16_t packet_id)
{
    return json_array_append_new(json_object_get(((inspection *)context)->session, "inbound"),
                                 json_integer(packet_id)) == 0;
}

static bool see_retained(void *context, const bb_record *r, uint32_t expiry_left_s)
{
    uint64_t bytes = r->payload_file ? r->payload_size : r->payload.len;
    return json_array_append_new(((inspection *)context)->retained,
                                 json_pack("{s:o, s:I, s:I, s:I, s:o}", "topic", text_of(r->topic), "qos",
                                           (json_int_t)r->qos, "payload_bytes", (json_int_t)bytes, "version",
                                           (json_int_t)r->retain_version, "expiry_left_s",
                                           seconds_of(expiry_left_s))) == 0;
}

static json_t *journal_of(const inspection *in)
{
    const bb_wal_found *f = &in->found;
    json_t *journal =
        json_pack("{s:I, s:I, s:I, s:I}", "segments", (json_int_t)f->segments, "frames", (json_int_t)f->frames,
                  "record_bytes", (json_int_t)f->bytes, "cut_bytes", (json_int_t)f->cut_bytes);
    if (f->given_up_places)
        json_object_set_new(journal, "damage",
                            json_pack("{s:I, s:I, s:s, s:I, s:s}", "places", (json_int_t)f->given_up_places, "bytes",
                                      (json_int_t)f->given_up_bytes, "file", f->damage.file, "offset",
                                      (json_int_t)f->damage.offset, "text", f->damage.text));
    return journal;
}

static bb_store_status gather(inspection *in, json_t **out, bb_store_error *error)
{
    bb_store_visitor visitor = {in, see_session, see_subscription, see_inbound, see_retained};
    in->sessions = json_array();
    in->retained = json_array();
    in->store.table = &in->overlay;
    bb_store_status status = bb_store_read_meta(&in->store, error);
    if (status == BB_STORE_OK)
        status = bb_store_load(&in->store, &visitor, error);
    *out = json_pack("{s:o, s:o, s:I, s:o, s:o}", "in_use_by", in->owner ? json_integer(in->owner) : json_null(),
                     "journal", journal_of(in), "table_bytes", (json_int_t)in->table->bytes(in->table), "sessions",
                     in->sessions, "retained", in->retained);
    return status == BB_STORE_OK && !*out ? bb_store_fail_system(error, ENOMEM, "show", NULL) : status;
}

/* --- as text */

static long long integer_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

/* A text of clients, so that no terminal is driven by it. */
static void print_text(FILE *to, const json_t *string)
{
    char shown[1024];
    bool whole;
    bb_span text = bb_span_of(json_string_value(string), json_string_length(string));
    size_t len = bb_printable(shown, sizeof shown, text, BB_PRINTABLE_TEXT, &whole);
    fprintf(to, "\"%.*s\"%s", (int)len, shown, whole ? "" : "...");
}

static void print_seconds(FILE *to, const json_t *seconds)
{
    if (json_is_integer(seconds))
        fprintf(to, "%lld s", (long long)json_integer_value(seconds));
    else
        fprintf(to, "never");
}

static void print_session(FILE *to, const json_t *session)
{
    const json_t *will = json_object_get(session, "will"), *subscription;
    size_t i;
    fprintf(to, "session ");
    print_text(to, json_object_get(session, "client_id"));
    fprintf(to, ": %lld queued (%lld bytes), %s, expires: ", integer_of(session, "queued"),
            integer_of(session, "queued_bytes"),
            json_is_true(json_object_get(session, "connected")) ? "connected" : "away");
    print_seconds(to, json_object_get(session, "expiry_left_s"));
    fprintf(to, "\n");
    json_array_foreach(json_object_get(session, "subscriptions"), i, subscription)
    {
        fprintf(to, "  subscribed to ");
        print_text(to, json_object_get(subscription, "filter"));
        fprintf(to, ", QoS %lld\n", integer_of(subscription, "options") & 3);
    }
    if (will) {
        fprintf(to, "  will to ");
        print_text(to, json_object_get(will, "topic"));
        fprintf(to, "\n");
    }
}

static void print_all(FILE *to, const json_t *all)
{
    const json_t *journal = json_object_get(all, "journal"), *damage = json_object_get(journal, "damage"), *item;
    size_t i;
    if (json_is_integer(json_object_get(all, "in_use_by")))
        fprintf(to, "in use by process %lld: this is how things stood at its last checkpoint\n",
                integer_of(all, "in_use_by"));
    fprintf(to, "journal: %lld segments, %lld frames, %lld bytes of records beyond the table\n",
            integer_of(journal, "segments"), integer_of(journal, "frames"), integer_of(journal, "record_bytes"));
    if (damage)
        fprintf(to, "%s (%lld places, %lld bytes)\n", json_string_value(json_object_get(damage, "text")),
                integer_of(damage, "places"), integer_of(damage, "bytes"));
    fprintf(to, "table: %lld bytes\nsessions: %zu\nretained messages: %zu\n", integer_of(all, "table_bytes"),
            json_array_size(json_object_get(all, "sessions")), json_array_size(json_object_get(all, "retained")));
    json_array_foreach(json_object_get(all, "sessions"), i, item) print_session(to, item);
    json_array_foreach(json_object_get(all, "retained"), i, item)
    {
        fprintf(to, "retained ");
        print_text(to, json_object_get(item, "topic"));
        fprintf(to, ": %lld bytes, expires: ", integer_of(item, "payload_bytes"));
        print_seconds(to, json_object_get(item, "expiry_left_s"));
        fprintf(to, "\n");
    }
}

static char *text_from(const json_t *all)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    print_all(to, all);
    fclose(to);
    return text;
}

/* --- opening */

static bb_store_status open_table(inspection *in, const char *folder, bb_store_error *error)
{
    char path[BB_PATH_BYTES];
    int failed = bb_folder_path(path, folder, "table");
    if (!failed)
        failed = bb_table_open_lmdb(&in->mem, path, in->owner != 0, &in->table);
    return failed ? bb_store_fail_system(error, failed, "open", path) : BB_STORE_OK;
}

static bb_store_status open_log(inspection *in, const char *folder, bb_store_error *error)
{
    char path[BB_PATH_BYTES];
    uint64_t segment = 1, frame = 1;
    int failed = bb_meta_get(in->txn, BB_META_NEXT_SEGMENT, &segment);
    failed = failed ? failed : bb_meta_get(in->txn, BB_META_NEXT_FRAME, &frame);
    failed = failed ? failed : bb_folder_path(path, folder, "journal");
    failed = failed ? failed : bb_disk_open_posix(&in->mem, path, &in->store.log_disk);
    if (failed)
        return bb_store_fail_system(error, failed, "read", "the table");
    bb_wal_options options = {.mem = &in->mem,
                              .disk = in->store.log_disk,
                              .segment_bytes = 4096,
                              .prepared = 1,
                              .recover = true,
                              .read_only = true};
    return bb_wal_open(&options, segment, frame, &in->wal, &in->found, error);
}

/* One try: the table may have to be enlarged for what the log adds, which is FULL here. */
static bb_store_status look(inspection *in, const char *folder, json_t **out, bb_store_error *error)
{
    int failed = in->table->begin(in->table, in->owner == 0, &in->txn);
    if (failed)
        return bb_store_fail_system(error, failed, "read", "the table");
    in->overlay = *in->table;
    in->overlay.begin = overlay_begin;
    in->overlay.abort = overlay_abort;
    bb_store_status status = in->wal ? BB_STORE_OK : open_log(in, folder, error);
    if (status == BB_STORE_OK && !in->owner)
        status = lay_log_on_table(in, error);
    if (status == BB_STORE_OK)
        status = gather(in, out, error);
    in->table->abort(in->txn);
    return status;
}

static bb_store_status inspect(inspection *in, const char *folder, json_t **out, bb_store_error *error)
{
    bb_store_status status = bb_folder_lock(folder, &in->lock, &in->owner, error);
    if (status == BB_STORE_OK || status == BB_STORE_IN_USE)
        status = open_table(in, folder, error);
    while (status == BB_STORE_OK) {
        status = look(in, folder, out, error);
        if (status != BB_STORE_FULL || in->table->grow(in->table) != 0)
            break;
        status = BB_STORE_OK;
    }
    return status;
}

bb_store_status bb_store_inspect(const char *folder, bool json, char **out, bb_store_error *error)
{
    inspection in = {.mem = {.alloc = take, .release = give}, .lock = -1};
    in.store.options = (bb_store_options){.clock_ms = clock_now, .wall_ms = wall_now};
    json_t *all = NULL;
    if (access(folder, F_OK) != 0)
        return bb_store_fail_system(error, errno, "read", folder);
    bb_store_status status = inspect(&in, folder, &all, error);
    if (status == BB_STORE_OK) {
        *out = json ? json_dumps(all, JSON_INDENT(2)) : text_from(all);
        if (!*out)
            status = bb_store_fail_system(error, ENOMEM, "show", NULL);
    }
    json_decref(all);
    if (in.wal)
        bb_wal_close(in.wal);
    if (in.store.log_disk)
        in.store.log_disk->free(in.store.log_disk);
    if (in.table)
        in.table->free(in.table);
    if (in.lock >= 0)
        close(in.lock);
    return status;
}
