/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast a counter grows: see meter.h.
 */

#include "kafka/meter.h"

#include "common/macro.h"

/* Ticks are a little early at times. */
#define METER_EVERY_USEC (900 * USEC_PER_MSEC)

void meter_sample(Meter *m, uint64_t now, uint64_t count) {
        if (now - m->samples[m->newest].usec < METER_EVERY_USEC)
                return;
        m->newest = (m->newest + 1) % METER_SAMPLES;
        m->samples[m->newest].usec = now;
        m->samples[m->newest].count = count;
}

double meter_per_second(const Meter *m, uint64_t now, uint64_t count) {
        unsigned oldest = m->newest;

        for (unsigned i = 1; i < METER_SAMPLES; i++) {
                unsigned next = (m->newest + i) % METER_SAMPLES;

                if (m->samples[next].usec > 0) {
                        oldest = next;
                        break;
                }
        }
        if (m->samples[oldest].usec == 0 || now <= m->samples[oldest].usec ||
            count <= m->samples[oldest].count)
                return 0;
        return (double) (count - m->samples[oldest].count) * (double) USEC_PER_SEC /
               (double) (now - m->samples[oldest].usec);
}
