/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The switches behind RULE() of src/journal/rule.h, for the core as the simulator compiles it.
 */

#include <stdbool.h>

typedef enum SimRule {
#define SIM_RULE(name, where, focus, text) SIM_RULE_##name,
#include "sim/rules.def"
#undef SIM_RULE
        SIM_RULES,
} SimRule;

extern bool sim_rule_is_off[SIM_RULES];

#define RULE(name) (!sim_rule_is_off[SIM_RULE_##name])
