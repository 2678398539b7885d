/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Names for the rules of exactly-once delivery where the code follows them: RULE(anchor) stands
 * where the anchor is demanded, and nowhere else. In the product a rule is `true` and leaves no
 * trace. The simulator compiles the same files with switches behind the names (-include
 * tests/sim/rules.h), so that it can show of each rule that deliveries go wrong without it. What
 * each means: rules.def there.
 */

#ifndef RULE
#include <stdbool.h>
#define RULE(name) true
#endif
