/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One ledger in its journal, against a journald that the test plays by hand, and what tests of it
 * do again and again.
 */

#include "journal/journal.h"

#define EPOCH SD_ID128_MAKE(0a, 0b, 0c, 0d, 0e, 0f, 00, 01, 02, 03, 04, 05, 06, 07, 08, 09)

typedef struct Fixture {
        Journal journal;
        Ledger *ledger;
        uint64_t now;
        unsigned sent; /* datagrams, barriers included */
        int send_error;
        bool locked_elsewhere;
        unsigned unlocked;
        JournalScan *scan;
        bool syncing;
        unsigned drawn;
        unsigned released;
        unsigned woken;
        unsigned notices[RECORD_COUNT_];
        JournalNotice notice;           /* the newest */
        int tried[JOURNAL_TASK_COUNT_]; /* with what, the last time */
} Fixture;

void fixture_open_ledger(Fixture *f, bool sync);
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
uint64_t fixture_step(Fixture *f, uint64_t usec);
/* The newest barrier becomes readable. */
void fixture_show_barrier(Fixture *f);
void fixture_answer_scan(Fixture *f, const Standing *standing, unsigned n);
/* A commit is due; it says these things. */
void fixture_expect_commit(Fixture *f, int64_t offset, bool clean);
bool fixture_commits(Fixture *f);
void fixture_commit(Fixture *f, int64_t offset);
/* With a commit of ours in the broker, up to its answer; `standing` is in the journal. */
void fixture_recover(Fixture *f, const char *host, bool clean, int64_t offset,
                     const Standing *standing, unsigned n);
/* Fresh, from offset 0, up to running. */
void fixture_run(Fixture *f);
LedgerVerdict fixture_receive(Fixture *f, int64_t offset, int64_t timestamp);
Row *fixture_send_next(Fixture *f);
void fixture_read_back(Fixture *f, int64_t offset);
void fixture_write_verified(Fixture *f, int64_t offset);
/* The row was sent, a barrier behind it is readable, and a look has not found it. */
void fixture_lose(Fixture *f, bool promptly);
