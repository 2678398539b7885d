/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The methods about the daemon itself: log-level and stop. See io.crier.Control.varlink.
 */

#include <errno.h>

#include "common/log.h"
#include "common/nearest.h"
#include "control/methods.h"
#include "control/operation.h"
#include "control/refusal.h"

/* The words for syslog levels, most urgent first. */
static const struct {
        const char *word;
        int level;
} levels[] = {
        {"error", LOG_ERR}, {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
        {"info", LOG_INFO}, {"debug", LOG_DEBUG},
};

static const char *level_word(int level) {
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (levels[i].level == level)
                        return levels[i].word;
        return "info";
}

const ControlParameter parameters_log_level[] = {{"level", CONTROL_STRING}, {NULL}};

int method_log_level(void *userdata, Request *request, json_t **ret_parameters,
                     const char **ret_error) {
        const char *word = request_string(request, "level");
        const char *before = level_word(log_max_level()), *after = before;
        _cleanup_buffer_ Buffer text = {0};

        for (size_t i = 0; word && i < ELEMENTSOF(levels); i++)
                if (streq(levels[i].word, word)) {
                        after = levels[i].word;
                        control_note(userdata, request, "sets the log level from %s to %s", before,
                                     after);
                        log_set_max_level(levels[i].level);
                        word = NULL;
                }
        if (word) {
                buffer_appendf(&text, "There is no log level '%s'", word);
                return refuse_value(ret_parameters, ret_error, "level", buffer_string(&text),
                                    "It is error, warning, notice, info or debug");
        }
        *ret_parameters = json_pack("{s:s, s:s}", "before", before, "after", after);
        return *ret_parameters ? 0 : -ENOMEM;
}

/* ---- stop ---- */

const ControlParameter parameters_stop[] = {{NULL}};

/* The client went away: the daemon stops all the same. */
static void on_stop_gone(void *userdata) {
        *(Request **) userdata = NULL;
}

int method_stop(void *userdata, Request *request, json_t **ret_parameters, const char **ret_error) {
        ControlContext *c = userdata;
        char why[80];

        if (c->stopping)
                return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Failed",
                                   "crierd is stopping already", "Wait until it is gone");
        control_note(c, request, "stops crierd");
        snprintf(why, sizeof(why), "Stop by user %u", (unsigned) request->peer->uid);
        c->stop_usec = clock_usec();
        c->stop(c->stop_userdata, why);
        c->stop_request = request;
        request_keep(request, on_stop_gone, &c->stop_request);
        return REQUEST_KEPT;
}

void control_stopped(ControlContext *c, bool settled) {
        tails_end(c);
        verify_end(c);
        operations_end(c, "crierd has stopped", "Start it: systemctl start crierd.service");
        if (c->stop_request)
                request_reply(
                        TAKE_PTR(c->stop_request), NULL,
                        json_pack("{s:b, s:I}", "settled", settled, "duration_ms",
                                  (json_int_t) ((clock_usec() - c->stop_usec) / USEC_PER_MSEC)));
}
