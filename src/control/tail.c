/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method that shows events: those that groups remember, and those to come. See
 * io.crier.Control.varlink.
 *
 * Who follows has a ring of copies (kafka/follower.h) that a timer empties into replies. What all
 * of them together are sent at a time is bounded in events and in time, so that following never
 * slows events down.
 */

#include <errno.h>

#include "control/operation.h"
#include "control/pack.h"
#include "control/refusal.h"

/* How often rings are emptied, and how many events that are and how long it takes, for all
 * together. */
#define PUMP_USEC (20 * USEC_PER_MSEC)
#define PUMP_EVENTS 256
#define PUMP_SHARE_USEC (2 * USEC_PER_MSEC)

/* What goes into one reply, as copies: a byte takes at most six in JSON. */
#define BATCH_EVENTS 64
#define BATCH_BYTES ((size_t) 64 * 1024)
#define REPLY_BYTES ((size_t) 600 * 1024)

#define LINES_DEFAULT 10
#define LINES_MAX 100000

/* Somebody who follows. */
typedef struct Tail {
        struct Tail *next, **link;
        ControlContext *context;
        Request *request;
        Follower *follower;
        json_t *first; /* the first reply, until it is sent */
} Tail;

/* ---- what goes into a reply ---- */

static json_t *tail_reply(json_t *events, uint64_t missed) {
        return json_pack("{s:o, s:I}", "events", events, "missed", (json_int_t) missed);
}

/* All that are remembered and not left out, oldest first. */
typedef struct Remembered {
        const EventCopy **items;
        size_t n;
} Remembered;

static int compare_numbers(const void *a, const void *b) {
        const EventCopy *x = *(const EventCopy *const *) a, *y = *(const EventCopy *const *) b;

        return x->number < y->number ? -1 : x->number > y->number;
}

static int remembered_find(const Fleet *f, const EventFilter *filter, Remembered *ret) {
        const EventCopy *copy;
        size_t room = 0;

        *ret = (Remembered){0};
        for (unsigned i = 0; i < f->n_groups; i++)
                room += f->groups[i]->recent.n;
        ret->items = calloc(room + 1, sizeof(*ret->items));
        if (!ret->items)
                return -ENOMEM;
        for (unsigned i = 0; i < f->n_groups; i++)
                for (unsigned k = 0; (copy = copy_ring_at(&f->groups[i]->recent, k)); k++)
                        if (event_filter_matches_copy(filter, copy))
                                ret->items[ret->n++] = copy;
        qsort(ret->items, ret->n, sizeof(*ret->items), compare_numbers);
        return 0;
}

/* The reply with the newest `lines` of them, fewer where they would not fit it. */
static json_t *remembered_reply(const Remembered *all, json_int_t lines) {
        size_t wanted = (size_t) MIN(lines, (json_int_t) all->n), n = 0, bytes = 0;
        json_t *events = json_array();

        while (n < wanted && bytes + all->items[all->n - n - 1]->bytes.size <= REPLY_BYTES)
                bytes += all->items[all->n - ++n]->bytes.size;
        for (size_t i = all->n - n; i < all->n; i++)
                json_array_append_new(events, pack_event(all->items[i]));
        return tail_reply(events, wanted - n);
}

/* ---- those who follow ---- */

static Tail *tail_free(Tail *t) {
        if (!t)
                return NULL;
        if (t->link) {
                *t->link = t->next;
                if (t->next)
                        t->next->link = t->link;
        }
        follower_free(&t->context->fleet->context.followers, t->follower);
        json_decref(t->first);
        free(t);
        return NULL;
}
DEFINE_CLEANUP(Tail *, tail_free);

static void on_gone(void *userdata) {
        tail_free(userdata);
}

static void tail_link(Tail *t, Tail **place) {
        t->next = *place;
        t->link = place;
        if (t->next)
                t->next->link = &t->next;
        *place = t;
}

/* The next reply: up to the next gap, so that `missed` is exact; NULL where there is nothing to
 * say. */
static json_t *tail_take(Tail *t, unsigned budget, unsigned *ret_n) {
        Follower *f = t->follower;
        const EventCopy *copy = copy_ring_at(&f->ring, 0);
        uint64_t missed = copy ? copy->missed : f->missed;
        json_t *events;
        size_t bytes = 0;
        unsigned n = 0;

        *ret_n = 0;
        if (t->first)
                return TAKE_PTR(t->first);
        if (!copy && missed == 0)
                return NULL;
        if (!copy)
                f->missed = 0;
        events = json_array();
        for (; copy && n < budget && bytes < BATCH_BYTES && (n == 0 || copy->missed == 0); n++) {
                bytes += copy->bytes.size;
                json_array_append_new(events, pack_event(copy));
                copy_ring_pop(&f->ring);
                copy = copy_ring_at(&f->ring, 0);
        }
        *ret_n = n;
        return tail_reply(events, missed);
}

/* One reply, where there is something to say and the client reads. The tail may be gone
 * afterwards. Returns how many events were sent. */
static unsigned tail_pump(Tail *t, unsigned budget) {
        json_t *reply;
        unsigned n;

        if (!request_can_continue(t->request))
                return 0;
        reply = tail_take(t, budget, &n);
        /* A reply that could not be made left the request as it was. */
        if (reply && request_continue(t->request, reply) < 0)
                t->follower->missed += n;
        return n;
}

/* Whoever was first is last the next time. */
static void tails_rotate(ControlContext *c) {
        Tail **end = &c->tails, *first = c->tails;

        if (!first || !first->next)
                return;
        c->tails = first->next;
        first->next->link = &c->tails;
        while (*end)
                end = &(*end)->next;
        tail_link(first, end);
}

static void tails_pump(ControlContext *c) {
        uint64_t end = clock_usec() + PUMP_SHARE_USEC;
        unsigned budget = PUMP_EVENTS, sent;
        Tail *t, *next;

        tails_rotate(c);
        do {
                sent = 0;
                for (t = c->tails; t && budget > 0 && clock_usec() < end; t = next) {
                        unsigned n;

                        next = t->next;
                        n = tail_pump(t, MIN(budget, (unsigned) BATCH_EVENTS));
                        budget -= n;
                        sent += n;
                }
        } while (sent > 0 && budget > 0 && clock_usec() < end);
}

static int on_pump(sd_event_source *source, uint64_t usec, void *userdata) {
        ControlContext *c = userdata;

        tails_pump(c);
        if (!c->tails)
                return 0;
        sd_event_source_set_time_relative(source, PUMP_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void tails_end(ControlContext *c) {
        Tail *t, *next;
        unsigned n;

        /* What they still read at once, they get. */
        for (t = c->tails; t; t = next) {
                next = t->next;
                (void) tail_pump(t, FOLLOWER_EVENTS_MAX);
        }
        while ((t = c->tails)) {
                Request *request = t->request;
                uint64_t missed = t->follower->missed;
                const EventCopy *copy;

                for (n = 0; (copy = copy_ring_at(&t->follower->ring, n)); n++)
                        missed += copy->missed + 1;
                tail_free(t);
                request_reply(request, NULL, tail_reply(json_array(), missed));
        }
}

/* ---- the method ---- */

static bool topic_is_read(const Fleet *f, const EventFilter *filter) {
        for (unsigned i = 0; i < f->n_groups; i++)
                if ((!filter->group || streq(f->groups[i]->config->name, filter->group)) &&
                    group_reads(f->groups[i], filter->topic))
                        return true;
        return false;
}

/* What can be nothing but a mistake. Returns whether it was refused. */
static bool filter_refused(const Fleet *f, const EventFilter *filter, const Remembered *all,
                           json_t **ret_parameters, const char **ret_error) {
        _cleanup_buffer_ Buffer text = {0};

        if (filter->group && !fleet_find_group(f, filter->group))
                (void) refuse_group(f, filter->group, ret_parameters, ret_error);
        else if (filter->topic && !topic_is_read(f, filter)) {
                buffer_appendf(&text, "%s%s%s reads topic '%s'",
                               filter->group ? "Group '" : "No group",
                               filter->group ? filter->group : "", filter->group ? "' never" : "",
                               filter->topic);
                (void) refuse_value(ret_parameters, ret_error, "topic", buffer_string(&text),
                                    "See crierctl groups for the topics that are read");
        } else if (filter->consumer >= 0 && all->n == 0 &&
                   !fleet_find_consumer(f, filter->consumer))
                (void) refuse_consumer(f, filter->consumer, ret_parameters, ret_error);
        return *ret_error;
}

static int tail_begin(ControlContext *c, Request *request, const EventFilter *filter, json_t *first,
                      json_t **ret_parameters, const char **ret_error) {
        _cleanup_(tail_freep) Tail *t = calloc(1, sizeof(*t));
        int r;

        if (!t) {
                json_decref(first);
                return -ENOMEM;
        }
        t->context = c;
        t->request = request;
        t->first = first;
        r = follower_new(&c->fleet->context.followers, filter, &t->follower);
        if (r == -EBUSY)
                return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Busy",
                                   "As many follow events as may at a time",
                                   "End another crierctl tail -f, or read the journal: "
                                   "journalctl -f -t crierd");
        if (r < 0)
                return r;
        r = control_arm(c, &c->tails_timer, 0, on_pump);
        if (r < 0)
                return r;
        tail_link(t, &c->tails);
        request_keep(request, on_gone, TAKE_PTR(t));
        return REQUEST_KEPT;
}

const ControlParameter parameters_tail[] = {
        {"follow", CONTROL_BOOLEAN},
        {"lines", CONTROL_INTEGER, .min = 0, .max = LINES_MAX},
        {"group", CONTROL_STRING},
        {"topic", CONTROL_STRING},
        {"partition", CONTROL_INTEGER, .min = 0, .max = INT32_MAX},
        {"key", CONTROL_STRING},
        {"consumer", CONTROL_INTEGER, .min = 0, .max = UINT32_MAX},
        {NULL},
};

int method_tail(void *userdata, Request *request, json_t **ret_parameters, const char **ret_error) {
        ControlContext *c = userdata;
        const json_t *parameters = request->call.parameters;
        const json_t *key = json_object_get(parameters, "key");
        const EventFilter filter = {
                .group = request_string(request, "group"),
                .topic = request_string(request, "topic"),
                .key = json_string_value(key),
                .key_size = json_string_length(key),
                .partition = (int32_t) request_integer(request, "partition", -1),
                .consumer = request_integer(request, "consumer", -1),
        };
        bool follow = json_is_true(json_object_get(parameters, "follow"));
        Remembered all;
        json_t *reply;
        int r;

        if (follow && !request->call.more) {
                *ret_error = VARLINK_EXPECTED_MORE;
                return 0;
        }
        r = remembered_find(c->fleet, &filter, &all);
        if (r < 0)
                return r;
        if (filter_refused(c->fleet, &filter, &all, ret_parameters, ret_error)) {
                free(all.items);
                return 0;
        }
        reply = remembered_reply(&all, request_integer(request, "lines", LINES_DEFAULT));
        free(all.items);
        if (!reply)
                return -ENOMEM;
        if (follow)
                return tail_begin(c, request, &filter, reply, ret_parameters, ret_error);
        *ret_parameters = reply;
        return 0;
}
