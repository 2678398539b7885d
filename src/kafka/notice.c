/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ledgers have to say: see notice.h.
 */

#include "kafka/notice.h"

#include <inttypes.h>
#include <stdio.h>

#include "kafka/consumer.h"

/* Half of limits.in_flight_bytes is for what librdkafka has fetched, half for what waits to be
 * verified. */
#define LIMIT_SHARE 2

/* "topic/3 of group 'g'" */
static void subject(const Ledger *l, Buffer *to) {
        buffer_appendf(to, "%s/%" PRId32 " of group '%s'", l->topic, l->partition, l->group);
}

static void range(const JournalNotice *n, Buffer *to) {
        if (n->first == n->last)
                buffer_appendf(to, "offset %" PRId64, n->first);
        else
                buffer_appendf(to, "offsets %" PRId64 " to %" PRId64, n->first, n->last);
}

static void lost_text(const JournalNotice *n, Buffer *to) {
        buffer_appendf(to, "The journal lost %" PRIu64 " entries of ", n->count);
        subject(n->ledger, to);
        buffer_append_string(to, " (");
        range(n, to);
        buffer_appendf(to, "); they are written again. Likely cause: %s",
                       journal_cause_to_string(n->cause));
}

static void silent_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to,
                             "The journal does not show what was sent to it; nothing is committed "
                             "until it does");
}

static void heard_text(const JournalNotice *n, Buffer *to) {
        buffer_appendf(to, "The journal shows again what is sent to it, after %" PRIu64 " ms",
                       n->usec / USEC_PER_MSEC);
}

static void recovered_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "Recovered ");
        subject(n->ledger, to);
        buffer_appendf(to,
                       ": %" PRIu64 " events beyond the committed offset stood in the journal "
                       "already, %" PRIu64 " between them were written",
                       n->count, n->written);
}

static void reset_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "The committed offset of ");
        subject(n->ledger, to);
        buffer_appendf(to,
                       " is not what crierd left: somebody else has committed, or moved the group; "
                       "going on at offset %" PRId64,
                       n->first);
}

static void retention_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "The log of ");
        subject(n->ledger, to);
        buffer_append_string(to, " has no longer ");
        range(n, to);
        buffer_appendf(to, ", which were not consumed; going on at %" PRId64, n->last + 1);
}

static void rewritten_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "The log of ");
        subject(n->ledger, to);
        buffer_appendf(to, " is not the one that was read before: starting at its offset %" PRId64,
                       n->first);
}

static void taken_over_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "Partition ");
        subject(n->ledger, to);
        buffer_appendf(to,
                       " was taken over from another host that had not finished: events from "
                       "offset %" PRId64 " on may stand in its journal as well",
                       n->first);
}

static void waiting_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "Partition ");
        subject(n->ledger, to);
        buffer_append_string(to, " waits: another crierd on this host has the partition");
}

static void taken_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "Partition ");
        subject(n->ledger, to);
        buffer_append_string(to, " goes on: the other crierd has given the partition back");
}

static void cut_text(const JournalNotice *n, Buffer *to) {
        unsigned large = event_large(n->event);
        const char *separator = ": it is written without its ";

        buffer_appendf(to, "The journal does not keep the event at offset %" PRId64 " of ",
                       n->first);
        subject(n->ledger, to);
        for (unsigned piece = EVENT_KEY; piece <= EVENT_VALUE; piece <<= 1)
                if (large & piece) {
                        buffer_appendf(to, "%s%s", separator, event_piece_to_string(piece));
                        separator = " and ";
                }
}

static void stopped_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "Partition ");
        subject(n->ledger, to);
        buffer_appendf(to,
                       " is stopped at offset %" PRId64
                       ": the journal does not keep the entry of that event",
                       n->first);
}

static void other_journal_text(const JournalNotice *n, Buffer *to) {
        buffer_append_string(to, "The journal does not have what was read back from it of ");
        subject(n->ledger, to);
        buffer_appendf(
                to, ": it is a copy, or was set back; going on at the committed offset, %" PRId64,
                n->first);
}

/* What a notice's numbers are called. */
enum {
        HAS_COUNT = 1 << 0,
        HAS_FOUND = 1 << 1,
        HAS_FIRST = 1 << 2,
        HAS_LAST = 1 << 3,
        HAS_OFFSET = 1 << 4,
        HAS_CAUSE = 1 << 5,
        HAS_DURATION = 1 << 6,
        HAS_CUT = 1 << 7,
        HAS_ADVICE = 1 << 8,
};

typedef struct NoticeKind {
        void (*text)(const JournalNotice *n, Buffer *to);
        RecordId record;
        unsigned has;
} NoticeKind;

static const NoticeKind kinds[] = {
        {lost_text, RECORD_ENTRIES_LOST, HAS_COUNT | HAS_FIRST | HAS_LAST | HAS_CAUSE},
        {silent_text, RECORD_JOURNAL_SILENT, 0},
        {heard_text, RECORD_JOURNAL_HEARD, HAS_DURATION},
        {recovered_text, RECORD_PARTITION_RECOVERED, HAS_FOUND | HAS_FIRST | HAS_LAST},
        {reset_text, RECORD_GROUP_RESET, HAS_FIRST},
        {retention_text, RECORD_RETENTION, HAS_FIRST | HAS_LAST},
        {rewritten_text, RECORD_POSITION_RESET, 0},
        {taken_over_text, RECORD_TAKEN_OVER, HAS_FIRST},
        {other_journal_text, RECORD_OTHER_JOURNAL, HAS_FIRST},
        {waiting_text, RECORD_LOCK_WAITING, 0},
        {taken_text, RECORD_LOCK_TAKEN, 0},
        {cut_text, RECORD_VALUE_CUT, HAS_OFFSET | HAS_CUT},
        {stopped_text, RECORD_PARTITION_STOPPED, HAS_OFFSET | HAS_ADVICE},
};

static const NoticeKind *find_kind(RecordId record) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (kinds[i].record == record)
                        return &kinds[i];
        return NULL;
}

/* The partition that the notice is about, or NULL. */
static Partition *find_partition(const JournalNotice *n) {
        const Consumer *c = n->ledger ? n->ledger->owner : NULL;

        for (unsigned i = 0; c && i < c->n_partitions; i++)
                if (c->partitions[i]->ledger == n->ledger)
                        return c->partitions[i];
        return NULL;
}

/* Not worth a record: the embedded broker's log may be shorter than a fetch takes, and then it is
 * always retention; and of an event that is small nothing is cut. */
static bool is_idle(const JournalNotice *n) {
        const Partition *p = n->record == RECORD_RETENTION ? find_partition(n) : NULL;

        return (p && partition_was_reset(p)) ||
               (n->record == RECORD_VALUE_CUT && event_large(n->event) == 0);
}

static void note_stop(const JournalNotice *n, const char *text) {
        Partition *p = find_partition(n);

        if (!p)
                return;
        /* What was received behind it was not written. */
        p->position = n->first;
        (void) trouble_set(&((Consumer *) n->ledger->owner)->trouble, TROUBLE_PARTITION_STOPPED,
                           "%s", text);
}

/* What lasts is in the status as well. */
static void note_trouble(KafkaContext *context, const JournalNotice *n, const char *text) {
        if (n->record == RECORD_JOURNAL_SILENT)
                (void) trouble_set(&context->journal_silent, TROUBLE_JOURNAL_SILENT,
                                   "the journal does not show what is sent to it");
        else if (n->record == RECORD_JOURNAL_HEARD)
                context->journal_silent = (Trouble){0};
        else if (n->record == RECORD_PARTITION_STOPPED)
                note_stop(n, text);
}

static void on_notice(void *userdata, const JournalNotice *n) {
        KafkaContext *context = userdata;
        const NoticeKind *kind = find_kind(n->record);
        const Ledger *l = n->ledger;
        _cleanup_buffer_ Buffer text = {0};
        char partition[16], count[24], written[24], first[24], last[24], ms[24];
        unsigned has = kind ? kind->has : 0, cut = has & HAS_CUT ? event_large(n->event) : 0;
        const RecordField fields[] = {
                {"KAFKA_GROUP", l ? l->group : NULL},
                {"KAFKA_TOPIC", l ? l->topic : NULL},
                {"KAFKA_PARTITION", l ? partition : NULL},
                {"CRIER_COUNT", has & HAS_COUNT ? count : NULL},
                {"CRIER_FOUND", has & HAS_FOUND ? count : NULL},
                {"CRIER_WRITTEN", has & HAS_FOUND ? written : NULL},
                {"KAFKA_OFFSET", has & HAS_OFFSET ? first : NULL},
                {"CRIER_FIRST", has & HAS_FIRST ? first : NULL},
                {"CRIER_LAST", has & HAS_LAST ? last : NULL},
                {"CRIER_CAUSE", has & HAS_CAUSE ? journal_cause_to_string(n->cause) : NULL},
                {"CRIER_DURATION_MS", has & HAS_DURATION ? ms : NULL},
                {"CRIER_CUT", cut & EVENT_KEY ? event_piece_to_string(EVENT_KEY) : NULL},
                {"CRIER_CUT", cut & EVENT_HEADERS ? event_piece_to_string(EVENT_HEADERS) : NULL},
                {"CRIER_CUT", cut & EVENT_VALUE ? event_piece_to_string(EVENT_VALUE) : NULL},
                {"CRIER_ADVICE",
                 has & HAS_ADVICE ? trouble_advice(TROUBLE_PARTITION_STOPPED) : NULL},
                {NULL},
        };

        if (!kind || is_idle(n))
                return;
        snprintf(partition, sizeof(partition), "%" PRId32, l ? l->partition : 0);
        snprintf(count, sizeof(count), "%" PRIu64, n->count);
        snprintf(written, sizeof(written), "%" PRIu64, n->written);
        snprintf(first, sizeof(first), "%" PRId64, n->first);
        snprintf(last, sizeof(last), "%" PRId64, n->last);
        snprintf(ms, sizeof(ms), "%" PRIu64, n->usec / USEC_PER_MSEC);
        kind->text(n, &text);
        note_trouble(context, n, buffer_string(&text));
        record_write(context->sink, n->record, fields, "%s", buffer_string(&text));
}

static void on_tried(void *userdata, JournalTask task, int error, const char *culprit) {
        static const struct {
                TroubleCode code;
                const char *what;
        } kinds_of_task[] = {
                [JOURNAL_SEARCH] = {TROUBLE_JOURNAL_UNREADABLE, "the journal cannot be searched"},
                [JOURNAL_SYNC] = {TROUBLE_JOURNAL_UNSYNCED,
                                  "the journal cannot be brought to disk"},
        };
        KafkaContext *context = userdata;
        Trouble *t = &context->journal_troubles[task];

        if (error >= 0)
                trouble_over(t, context->sink, "exactly-once");
        else
                trouble_raise(t, context->sink, "exactly-once", kinds_of_task[task].code,
                              "%s: %s%s%s", kinds_of_task[task].what, culprit ? culprit : "",
                              culprit ? ": " : "", strerror(-error));
}

static void on_release(void *userdata, void *event) {
        rd_kafka_message_destroy(event);
}

static void on_wake(void *userdata, void *owner) {
        queue_wake(((Consumer *) owner)->waker);
}

void notice_attach(KafkaContext *context) {
        Journal *j = machine_journal(context->machine);

        j->handlers = (JournalHandlers){
                .notice = on_notice,
                .release = on_release,
                .wake = on_wake,
                .tried = on_tried,
        };
        j->userdata = context;
        j->in_flight_events = context->config->limits.in_flight_events;
        j->in_flight_bytes = context->config->limits.in_flight_bytes / LIMIT_SHARE;
}
