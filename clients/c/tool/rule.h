/* rule.h - the elements of a large vector's tensor, by the rule that it states instead of them */
#ifndef RULE_H
#define RULE_H

#include "../src/internal.h"

#include <cjson/cJSON.h>

/* Fills count elements of dtype; false: the rule is none. */
bool rule_fill(const cJSON *rule, rnnloss_client_dtype dtype, size_t count, void *elements);

#endif
